import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { HttpError, type SiteOptions } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import {
  after,
  asynchronous,
  BentStore,
  BrokenStore,
  cookieOf,
  Node,
  pass,
} from "../helpers_store.ts";

const KINDS: Record<string, () => SessionStore> = {
  "a store": () => new MemoryStore(),
  "a store that has to be waited for": () => asynchronous(new MemoryStore()),
};

/** A node with pages that show and set a role, and log in and out. */
function roleNode(store: SessionStore, options: SiteOptions = {}): Node {
  return new Node(store, options)
    .page("begin", (request) => request.getSession().uid)
    .page("role", (request) => {
      request.getSession().set("role", request.query.get("is"));
      return "";
    })
    .page("login", (request) => request.logIn(request.query.get("as")!).uid)
    .page("out", (request) => {
      request.logOut();
      return "";
    })
    .page(
      "stream",
      (request) => request.getSession().events(request).response,
    );
}

for (const [kind, makeStore] of Object.entries(KINDS)) {
  Deno.test(`Session over ${kind} sees values and principal of another process within a second`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using one = roleNode(store);
    await using other = roleNode(store);
    const response = await one.get("begin");
    const session = one.site.sessions.get(await response.text())!;
    const cookie = cookieOf(response);
    await pass(time, 100);
    await other.get("role?is=admin", cookie);
    await pass(time, 1000);
    assertEquals(session.get("role"), "admin");
    const alice = cookieOf(await other.get("login?as=alice", cookie));
    await pass(time, 1000);
    assertEquals([session.principal, one.site.sessionsOf("alice")], [
      "alice",
      [session],
    ]);
    await other.get("role?is=user", alice);
    await pass(time, 1000);
    assertEquals(session.get("role"), "user");
    assertEquals([...one.errors, ...other.errors], []);
  });

  Deno.test(`Session over ${kind} closes a stream whose token another process has superseded`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using one = roleNode(store);
    await using other = roleNode(store);
    const cookie = cookieOf(await one.get("begin"));
    const stream = await one.get("stream", cookie);
    let isClosed = false;
    const reading = stream.text().then(() => isClosed = true);
    await pass(time, 1000);
    assertEquals(isClosed, false);
    await other.get("login?as=alice", cookie);
    await pass(time, 1000);
    assertEquals(isClosed, true);
    await reading;
  });

  Deno.test(`Session.reload() over ${kind} loads what another process has written, at once`, async () => {
    using time = new FakeTime();
    const bent = new BentStore(makeStore());
    // Notifications are lost.
    bent.bends.watch = (act, onEnd, onDueEarlier) => act(onEnd, onDueEarlier);
    await using one = roleNode(bent.store);
    await using other = roleNode(bent.inner);
    const response = await one.get("begin");
    const session = one.site.sessions.get(await response.text())!;
    await pass(time, 100);
    await other.get("role?is=admin", cookieOf(response));
    await pass(time, 1000);
    assertEquals(session.get("role"), undefined);
    session.set("mine", 1);
    await session.reload();
    assertEquals([session.get("role"), session.get("mine")], ["admin", 1]);
    await other.get("out", cookieOf(response));
    await session.reload();
    await pass(time, 1000);
    assertEquals(session.isActive, false);
    await session.reload();
  });
}

Deno.test("Session.reload() takes back a touch that another process has undone, and does not write it again", async () => {
  using time = new FakeTime();
  const store = asynchronous(new MemoryStore());
  await using one = roleNode(store);
  await using other = roleNode(store);
  const answer = Promise.withResolvers<void>();
  other.page("look", async (request) => {
    await answer.promise;
    return `${request.session?.uid}`;
  });
  const response = await one.get("begin");
  const session = one.site.sessions.get(await response.text())!;
  const { expiresAt } = session;
  await pass(time, 10_000);
  const looking = other.get("look", cookieOf(response));
  await pass(time, 100);
  await session.reload();
  assertEquals(Math.round(session.expiresAt - expiresAt), 10);
  answer.resolve();
  await looking;
  await session.reload();
  assertEquals(session.expiresAt, expiresAt);
  session.set("role", "admin");
  await pass(time, 2000);
  assertEquals(Math.round(session.expiresAt - expiresAt), 0);
  await pass(time, 50_000);
  assertEquals([...one.reasons, ...other.reasons], ["idle"]);
});

Deno.test("Session.reload() without a store does nothing", async () => {
  await using node = new Node(undefined);
  const session = node.site.makeSession();
  session.set("key", 1);
  await session.reload();
  assertEquals(session.get("key"), 1);
});

Deno.test("Session.reload() rejects with a 503 if the store does not answer", async () => {
  using time = new FakeTime();
  const broken = new BrokenStore();
  await using node = roleNode(broken.store);
  const response = await node.get("begin");
  const session = node.site.sessions.get(await response.text())!;
  await pass(time, 100);
  broken.how = "throws";
  const error = await assertRejects(() => session.reload(), HttpError);
  assertEquals(error.status, 503);
  broken.how = "works";
});

Deno.test("Session sees a value that another process has written while the load of its first request here was answered", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const bent = new BentStore(asynchronous(store));
  await using one = roleNode(bent.store);
  await using other = roleNode(asynchronous(store));
  const cookie = cookieOf(await other.get("begin"));
  bent.bends.load = async (act, ...args) => {
    const answer = await act(...args);
    await after(60);
    return answer;
  };
  const begin = one.get("begin", cookie);
  await pass(time, 20);
  const change = other.get("role?is=admin", cookie);
  await pass(time, 1000);
  await change;
  const session = one.site.sessions.get(await (await begin).text())!;
  assertEquals(session.get("role"), "admin");
});

Deno.test("A change of a session costs other processes one load, and its own process none", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const [one, other] = [new BrokenStore(store), new BrokenStore(store)];
  await using first = roleNode(one.store);
  await using second = roleNode(other.store);
  const cookie = cookieOf(await first.get("begin"));
  await second.get("begin", cookie);
  await pass(time, 1500);
  one.calls.length = other.calls.length = 0;
  await first.get("role?is=a", cookie);
  await first.get("role?is=b", cookie);
  await pass(time, 1000);
  const loads = (calls: string[]) => calls.filter((call) => call === "load");
  assertEquals([loads(one.calls).length, loads(other.calls).length], [2, 1]);
});

for (const step of [0, -3_600_000]) {
  Deno.test(`Session closes a stream whose token another process has superseded, though the notification is lost and the clock is set by ${step} ms`, async () => {
    using time = new FakeTime();
    let ahead = 0;
    const clock = {
      now: () => Date.now() + ahead,
      monotonic: () => time.now,
      setTimeout: (callback: () => void, delay: number) =>
        setTimeout(callback, delay),
      clearTimeout: (id: unknown) => clearTimeout(id as number),
    };
    const inner = Object.assign(new MemoryStore(), {
      isNotifyingReliably: false,
    });
    const bent = new BentStore(inner);
    bent.bends.watch = (act, onEnd, onDueEarlier) => act(onEnd, onDueEarlier);
    await using one = roleNode(bent.store, { clock });
    await using other = roleNode(bent.inner);
    const cookie = cookieOf(await one.get("begin"));
    const stream = await one.get("stream", cookie);
    let isClosed = false;
    const reading = stream.text().then(() => isClosed = true);
    await pass(time, 3000);
    assertEquals(isClosed, false);
    ahead = step;
    await other.get("login?as=alice", cookie);
    await pass(time, 1100);
    assertEquals(isClosed, true);
    await reading;
  });
}
