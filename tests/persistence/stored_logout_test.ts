// A logout over a store is in the store before it is answered, whatever else is
// under way, or it is answered 503.

import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { MemoryStore } from "../../stores/memory_store.ts";
import {
  after,
  asynchronous,
  BentStore,
  BrokenStore,
  cookieOf,
  Node,
  pass,
  uidOf,
} from "../helpers_store.ts";

const STILL_IN = { tokenHash: "", touch: false, grace: 0 };

/** A site whose pages log in and out. */
function makeNode(store: ConstructorParameters<typeof Node>[0]): Node {
  return new Node(store)
    .page("visit", (request) => request.getSession().uid)
    .page("slow", async (request) => {
      request.getSession().set("slow", true);
      await after(100);
      return "";
    })
    .page("logout", (request) => {
      request.logOut();
      return "";
    })
    .page("expire", (request) => {
      request.session?.expire();
      return "";
    })
    .page("logout-and-visit", (request) => {
      request.logOut();
      return request.getSession().uid;
    })
    .page("login", (request) => {
      request.logIn(request.query.get("name") ?? "alice");
      return "";
    });
}

async function statusOf(answer: Response | Promise<Response>): Promise<number> {
  const response = await answer;
  await response.body?.cancel();
  return response.status;
}

Deno.test("RequestSession.logOut() is answered while another request writes its session", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  await using node = makeNode(bent.store);
  const cookie = cookieOf(await node.get("visit"));
  bent.bends.commit = async (act, ...args) => {
    await after(50);
    return act(...args);
  };
  const slow = statusOf(node.get("slow", cookie));
  await pass(time, 10);
  const logout = statusOf(node.get("logout", cookie));
  const statuses: unknown[] = [];
  slow.then((status) => statuses.push(status));
  logout.then((status) => statuses.push(status));
  await pass(time, 500);
  assertEquals(statuses, [200, 200]);
  assertEquals(inner.load(uidOf(cookie), STILL_IN), undefined);
  assertEquals(node.reasons, ["logout"]);
});

for (const path of ["logout", "expire", "logout-and-visit", "login?name=bob"]) {
  Deno.test(`The session that a request leaves by ${path} has ended in the store when it is answered`, async () => {
    using _time = new FakeTime();
    const inner = new MemoryStore();
    const bent = new BentStore(asynchronous(inner));
    await using node = makeNode(bent.store);
    const cookie = cookieOf(await node.get("login"));
    bent.bends.end = async (act, ...args) => {
      for (let turn = 0; turn < 20; turn++) await undefined;
      return act(...args);
    };
    assertEquals(await statusOf(node.get(path, cookie)), 200);
    assertEquals(inner.load(uidOf(cookie), STILL_IN), undefined);
  });

  Deno.test(`A request that leaves its session by ${path} is answered 503 if that cannot be written`, async () => {
    using time = new FakeTime();
    const inner = new MemoryStore();
    const bent = new BentStore(asynchronous(inner));
    await using node = makeNode(bent.store);
    const cookie = cookieOf(await node.get("login"));
    bent.bends.end = () => Promise.reject(new Error("away"));
    const response = await node.get(path, cookie);
    await response.body?.cancel();
    assertEquals(response.status, 503);
    assertEquals(response.headers.getSetCookie(), []);
    delete bent.bends.end;
    await pass(time, 2000);
    assertEquals(inner.load(uidOf(cookie), STILL_IN), undefined);
    assertEquals(node.reasons, ["logout"]);
  });
}

Deno.test("RequestSession.logOut() is answered 503 again while the first logout is unwritten", async () => {
  using time = new FakeTime();
  const broken = new BrokenStore();
  await using node = makeNode(broken.store);
  const cookie = cookieOf(await node.get("login"));
  broken.how = "hangs";
  const first = statusOf(node.get("logout", cookie));
  const second = statusOf(node.get("logout", cookie));
  await pass(time, 3000);
  assertEquals([await first, await second], [503, 503]);
  const third = statusOf(node.get("logout", cookie));
  assertEquals(await third, 503);
  broken.how = "works";
  await pass(time, 5000);
  assertEquals(await statusOf(node.get("logout", cookie)), 200);
});

Deno.test("RequestSession.logIn() as another user leaves the session if no other can begin", async () => {
  using time = new FakeTime();
  const broken = new BrokenStore();
  await using node = makeNode(broken.store)
    .page("slow-login", async (request) => {
      request.session;
      await after(5000);
      return request.logIn("bob").uid;
    })
    .page("who", (request) => String(request.principal));
  const cookie = cookieOf(await node.get("login"));
  const slow = Promise.resolve(node.get("slow-login", cookie)).then(statusOf);
  await pass(time, 100);
  broken.how = "throws";
  await statusOf(node.get("visit", cookie));
  await pass(time, 5000);
  assertEquals(await slow, 503);
  broken.how = "works";
  await pass(time, 5000);
  assertEquals(await (await node.get("who", cookie)).text(), "alice");
  assertEquals(node.reasons, []);
});

Deno.test("SessionSite.endSessions() is answered when the ends are in the store", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const bent = new BentStore(asynchronous(store));
  await using node = makeNode(bent.store);
  const response = await node.get("login");
  await response.body?.cancel();
  const uid = uidOf(cookieOf(response));
  bent.bends.end = async (end, ...args) => {
    await after(500);
    return await end(...args);
  };
  const ending = Promise.resolve(node.site.endSessions("alice"))
    .then(() => store.load(uid, STILL_IN));
  await pass(time, 1000);
  assertEquals(await ending, undefined);
});

for (const path of ["logout", "logout-and-visit", "login?name=bob"]) {
  Deno.test(`A logout by "${path}" whose write is lost, while the store answers other calls, is written soon`, async () => {
    using time = new FakeTime();
    const inner = new MemoryStore();
    const bent = new BentStore(asynchronous(inner));
    await using node = makeNode(bent.store);
    const other = cookieOf(await node.get("visit"));
    const cookie = cookieOf(await node.get("login"));
    await pass(time, 1000);
    bent.bends.end = () => {
      bent.bends.end = undefined;
      return new Promise(() => {});
    };
    const logout = statusOf(node.get(path, cookie));
    await pass(time, 500);
    await statusOf(node.get("visit", other));
    await pass(time, 1700);
    assertEquals(await logout, 503);
    await pass(time, 2000);
    assertEquals(inner.load(uidOf(cookie), STILL_IN), undefined);
    assertEquals(node.reasons, ["logout"]);
  });
}

Deno.test("A login waits for the ends of its sessions by other requests, also while it waits for one of them", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  await using node = new Node(bent.store);
  node.page("visit", (request) => request.getSession().uid)
    .page("alice", (request) => request.logIn("alice").uid)
    .page("bob", (request) => request.logIn("bob").uid)
    .page("logout", (request) => {
      request.logOut();
      return "";
    });
  const cookie = cookieOf(await node.get("visit"));
  const bob = cookieOf(await node.get("bob", cookie));
  for (const name of ["create", "end"]) {
    bent.bends[name] = async (act, ...args) => {
      await after(100);
      return act(...args);
    };
  }
  // Its token is superseded, so it begins a new session.
  const login = Promise.resolve(node.get("alice", cookie));
  await pass(time, 50);
  const logout = Promise.resolve(node.get("logout", bob));
  await pass(time, 70);
  const [alice] = node.site.sessionsOf("alice");
  alice!.expire();
  await pass(time, 500);
  assertEquals([(await login).status, (await logout).status], [200, 200]);
  assertEquals((await login).headers.getSetCookie(), []);
});
