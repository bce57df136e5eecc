// Which requests prolong a session over a store: visits, and none that only looks,
// whatever cookies it has and whatever others do meanwhile.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { SiteOptions } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import {
  after,
  asynchronous,
  BentStore,
  cookieOf,
  Node,
  pass,
  SetClock,
  uidOf,
} from "../helpers_store.ts";

const LOOK = { tokenHash: "", touch: false, grace: 0 };

function makeNode(
  store: ConstructorParameters<typeof Node>[0],
  options: SiteOptions = {},
): Node {
  return new Node(store, options)
    .page("visit", (request) => request.getSession().uid)
    .page("look", (request) => String(request.session?.uid))
    .page("login", (request) => request.logIn("alice").uid)
    .page("renew", (request) => request.renewSession().uid);
}

/** Returns the cookie that a response sets. */
async function newCookie(answer: Response | Promise<Response>) {
  const response = await answer;
  await response.body?.cancel();
  return cookieOf(response);
}

async function textOf(answer: Response | Promise<Response>): Promise<string> {
  return await (await answer).text();
}

/** Returns the milliseconds since the last touch in the record of a cookie. */
function idleOf(store: MemoryStore, cookie: string): number {
  const { now, touchedAt } = store.load(uidOf(cookie), LOOK)!;
  return now - touchedAt;
}

for (const next of ["login", "renew"]) {
  Deno.test(`A look with the cookie from before a ${next} and the one after prolongs no session`, async () => {
    using time = new FakeTime();
    const store = new MemoryStore();
    await using node = makeNode(asynchronous(store));
    const old = await newCookie(node.get("visit"));
    const cookie = await newCookie(node.get(next, old));
    await textOf(node.get("visit", cookie));
    await pass(time, 5000);
    for (const cookies of [`${old}; ${cookie}`, `${cookie}; ${old}`]) {
      assertEquals(await textOf(node.get("look", cookies)), uidOf(cookie));
    }
    assertEquals(idleOf(store, cookie), 5000);
  });
}

Deno.test("A look with the cookies of two sessions prolongs neither while a login to one is refused", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const bent = new BentStore(asynchronous(store));
  await using node = makeNode(bent.store, {
    maxSessionsPerPrincipal: 1,
    whenPrincipalIsFull: "refuse",
  });
  await newCookie(node.get("login"));
  const one = await newCookie(node.get("visit"));
  const other = await newCookie(node.get("visit"));
  await pass(time, 5000);
  bent.bends.uidsOf = async (act, ...args) => {
    await after(100);
    return await act(...args);
  };
  const login = Promise.resolve(node.get("login", other));
  await pass(time, 60);
  // Its records are loaded while the login counts, and its session is chosen later.
  bent.bends.load = async (act, ...args) => {
    const answer = await act(...args);
    await after(30);
    return answer;
  };
  const look = Promise.resolve(node.get("look", `${one}; ${other}`));
  await pass(time, 100);
  delete bent.bends.load;
  await pass(time, 310);
  const { status } = await login;
  assertEquals(status, 409);
  assertEquals(await textOf(look), "undefined");
  assertEquals(idleOf(store, one), 5470);
});

Deno.test("A visit with the cookies of two sessions uses neither if both lived in the store, though the deadline of one has passed here", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = makeNode(bent.store, { sessionTimeout: 20 });
  const other = await newCookie(node.get("visit"));
  await pass(time, 10_000);
  const cookie = await newCookie(node.get("visit"));
  await pass(time, 9925);
  assertEquals(await textOf(node.get("visit", cookie)), uidOf(cookie));
  await pass(time, 60);
  // This process counts the deadline of the other session from its call.
  bent.bends.load = async (act, ...args) => {
    await after(10);
    return await act(...args);
  };
  const visit = Promise.resolve(node.get("visit", `${cookie}; ${other}`));
  await pass(time, 30);
  const uid = await textOf(visit);
  assert(uid !== uidOf(cookie), "it has used a session that no load touched");
});

/** The request that logs in writes the session, since the login may be refused. */
const LIMITED = {
  maxSessionsPerPrincipal: 5,
  whenPrincipalIsFull: "refuse",
  sessionTimeout: 20,
  absoluteTimeout: 30,
} as const;

/** Milliseconds that the first and the second of two looks are under way. */
for (const [first, second] of [[1000, 1000], [5000, 1000]] as const) {
  Deno.test(`Two looks of one process at a time prolong no session if they take ${first} and ${second} ms`, async () => {
    using time = new FakeTime();
    const store = new MemoryStore();
    await using node = makeNode(asynchronous(store))
      .page("slow", async (request) => {
        await after(Number(request.query.get("lasts")));
        return String(request.session?.uid);
      });
    const cookie = await newCookie(node.get("visit"));
    await pass(time, 10_000);
    const looks = [node.get(`slow?lasts=${first}`, cookie)];
    await pass(time, 500);
    looks.push(node.get(`slow?lasts=${second}`, cookie));
    await pass(time, 500);
    looks.push(node.get(`slow?lasts=${second}`, cookie));
    await pass(time, 9000);
    for (const look of looks) assertEquals(await textOf(look), uidOf(cookie));
    assertEquals(idleOf(store, cookie), 20_000);
  });
}

Deno.test("A look undoes no login that another process has written since its load", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  await using one = makeNode(asynchronous(store), LIMITED);
  one.page("slow-login", async (request) => {
    request.getSession();
    await after(5000);
    const { uid } = request.logIn("alice");
    await after(100);
    return uid;
  });
  await using other = makeNode(asynchronous(store), LIMITED);
  other.page("slow-look", async (request) => {
    const { session } = request;
    await after(70);
    return String(session?.uid);
  });
  const cookie = await newCookie(one.get("visit"));
  const login = newCookie(one.get("slow-login", cookie));
  await pass(time, 5000);
  await pass(time, 50);
  const look = textOf(other.get("slow-look", cookie));
  await pass(time, 950);
  await Promise.all([login, look]);
  assert(idleOf(store, cookie) <= 1000);
});

Deno.test("A look undoes no login by HEAD that its process has written since its load", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const bent = new BentStore(asynchronous(store));
  await using node = makeNode(bent.store);
  node.page("slow-look", async (request) => {
    await after(100);
    return String(request.session?.uid);
  });
  const cookie = await newCookie(node.get("visit"));
  await pass(time, 5000);
  // The login waits for an earlier write, which is refused, since others have written.
  bent.bends.commit = async (commit, ...args) => {
    delete bent.bends.commit;
    await after(50);
    return commit(...args);
  };
  node.site.sessions.get(uidOf(cookie))!.set("note", "kept");
  await pass(time, 10);
  const login = node.site.fetch(
    new Request("http://localhost/login", {
      method: "HEAD",
      headers: { cookie },
    }),
  );
  await pass(time, 10);
  store.commit(uidOf(cookie), { values: new Map([["other", "j1"]]) });
  const look = textOf(node.get("slow-look", cookie));
  await pass(time, 980);
  await Promise.all([login, look]);
  assert(idleOf(store, cookie) <= 1000);
});

Deno.test("A look writes a login of another request with its touch, though it undoes its own", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  await using node = makeNode(asynchronous(store), LIMITED);
  node.page("slow-login", async (request) => {
    request.getSession();
    await after(5000);
    const { uid } = request.logIn("alice");
    await after(100);
    return uid;
  });
  const cookie = await newCookie(node.get("visit"));
  const login = newCookie(node.get("slow-login", cookie));
  await pass(time, 5000);
  await pass(time, 50);
  await textOf(node.get("look", cookie));
  await pass(time, 950);
  await login;
  assert(idleOf(store, cookie) <= 1000);
});

Deno.test("A look undoes no visit of another process in the millisecond of an earlier look", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  await using one = makeNode(asynchronous(store));
  one.page("slow-look", async (request) => {
    const { session } = request;
    await after(50);
    return String(session?.uid);
  });
  await using other = makeNode(asynchronous(store));
  const cookie = await newCookie(one.get("visit"));
  await pass(time, 5000);
  const first = textOf(one.get("slow-look", cookie));
  await textOf(other.get("visit", cookie));
  await pass(time, 10);
  const second = textOf(one.get("slow-look", cookie));
  await pass(time, 490);
  await Promise.all([first, second]);
  assertEquals(idleOf(store, cookie), 500);
});

Deno.test("Visits of one process in one millisecond are written once", async () => {
  using time = new FakeTime();
  const bent = new BentStore();
  await using node = makeNode(bent.store);
  const cookie = await newCookie(node.get("visit"));
  await pass(time, 1000);
  let commits = 0;
  bent.bends.commit = (act, ...args) => {
    commits++;
    return act(...args);
  };
  for (let i = 0; i < 5; i++) await textOf(node.get("visit", cookie));
  assertEquals(commits, 0);
});

Deno.test("A request that a login in another process has superseded prolongs the session no more", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const bent = new BentStore(asynchronous(store));
  // The process does not hear of the login.
  bent.bends.watch = () => Promise.resolve(() => {});
  await using one = makeNode(bent.store);
  one.page("slow-hold", async (request) => {
    request.getSession();
    await after(5000);
    await request.getSession().hold("seat", { seconds: 100 });
    return "";
  });
  await using other = makeNode(asynchronous(store));
  const cookie = await newCookie(one.get("visit"));
  const slow = Promise.resolve(one.get("slow-hold", cookie));
  await pass(time, 1000);
  await newCookie(other.get("login", cookie));
  await pass(time, 5000);
  await (await slow).body?.cancel();
  assertEquals(idleOf(store, cookie), 5000);
});

for (const by of [-3000, -300, 300, 3000]) {
  Deno.test(`A request that only looks prolongs no session after the clock was set by ${by} ms`, async () => {
    using time = new FakeTime();
    const store = new MemoryStore();
    const clock = new SetClock();
    await using node = makeNode(asynchronous(store), { clock });
    const cookie = await newCookie(node.get("visit"));
    await pass(time, 5000);
    clock.set(by);
    const headers = { cookie };
    await node.site.fetch(
      new Request("http://localhost/visit", { method: "HEAD", headers }),
    );
    assertEquals(idleOf(store, cookie), 5000);
    assertEquals(await textOf(node.get("look", cookie)), uidOf(cookie));
    assertEquals(idleOf(store, cookie), 5000);
  });
}

Deno.test("A touch that is written late counts from its time, though the clock was set before it", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const bent = new BentStore(asynchronous(store));
  const clock = new SetClock();
  await using node = makeNode(bent.store, { clock, sessionTimeout: 20 });
  node.page("slow", async (request) => {
    const { uid } = request.getSession();
    await after(8000);
    return uid;
  });
  const cookie = await newCookie(node.get("visit"));
  const slow = Promise.resolve(node.get("slow", cookie));
  await pass(time, 1000);
  clock.set(16_000);
  bent.bends.commit = () => Promise.reject(new Error("the store is away"));
  await pass(time, 7000);
  assertEquals((await slow).status, 503);
  delete bent.bends.commit;
  await pass(time, 10_000);
  assertEquals(idleOf(store, cookie), 10_000);
});

for (const by of [-4000, 4000]) {
  Deno.test(`The touch of a request that is answered 503 counts from its time, though the clock was set by ${by} ms before it is written`, async () => {
    using time = new FakeTime();
    const store = new MemoryStore();
    const bent = new BentStore(asynchronous(store));
    const clock = new SetClock();
    await using node = makeNode(bent.store, { clock });
    node.page("set-later", async (request) => {
      await after(1000);
      request.getSession().set("note", "lost");
      return "";
    });
    const cookie = await newCookie(node.get("visit"));
    await pass(time, 5000);
    const setting = Promise.resolve(node.get("set-later", cookie));
    await pass(time, 500);
    const away = () => Promise.reject(new Error("the store is away"));
    bent.bends.load = bent.bends.commit = away;
    await pass(time, 1000);
    assertEquals((await setting).status, 503);
    clock.set(by);
    await pass(time, 10_000);
    bent.bends.load = bent.bends.commit = undefined;
    await pass(time, 5000);
    const { createdAt, touchedAt } = store.load(uidOf(cookie), LOOK)!;
    assertAlmostEquals(touchedAt - createdAt, 6000, 50);
  });
}

for (const by of [-10_000, 10_000]) {
  for (const isNew of [false, true]) {
    const which = isNew ? "new" : "known";
    Deno.test(`A login to a ${which} session counts from its time, though the clock was set by ${by} ms before it is written`, async () => {
      using time = new FakeTime();
      const store = new MemoryStore();
      const clock = new SetClock();
      await using node = makeNode(asynchronous(store), { clock, ...LIMITED });
      node.page("slow", async (request) => {
        const { uid } = request.logIn("alice");
        await after(2000);
        return uid;
      });
      const before = isNew ? "" : await newCookie(node.get("visit"));
      const slow = newCookie(node.get("slow", before));
      await pass(time, 1000);
      clock.set(by);
      await pass(time, 1000);
      const cookie = await slow;
      const record = store.load(uidOf(cookie), LOOK)!;
      const { now, createdAt, authenticatedAt, touchedAt } = record;
      for (const at of [createdAt, authenticatedAt!, touchedAt]) {
        assertAlmostEquals(now - at, 2000, 50);
      }
      assertEquals(await textOf(node.get("look", cookie)), uidOf(cookie));
    });
  }
}
