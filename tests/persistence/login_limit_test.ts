// The limit of sessions that a principal may have, over a store: applied at logins,
// by the store's records of all processes.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { SiteOptions } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import {
  after as later,
  asynchronous,
  BentStore,
  cookieOf,
  Node,
  pass,
} from "../helpers_store.ts";

const KINDS: Record<string, () => SessionStore> = {
  "MemoryStore": () => new MemoryStore(),
  "a store that is waited for": () => asynchronous(new MemoryStore()),
  "SqliteStore": () => new SqliteStore({ path: ":memory:" }),
};

/** Returns a process whose page "in" logs alice in. */
function nodeOf(store: SessionStore, options: SiteOptions = {}): Node {
  return new Node(store, { maxSessionsPerPrincipal: 1, ...options })
    .page("in", (request) => request.logIn("alice").uid)
    .page("guest", (request) => request.getSession().uid)
    .page("who", (request) => request.session?.principal ?? "nobody");
}

/** Returns who a cookie opens a session of, in each process. */
async function whoIs(nodes: Node[], cookie: string): Promise<string[]> {
  const names: string[] = [];
  for (const node of nodes) {
    names.push(await (await node.get("who", cookie)).text());
  }
  return names;
}

for (const [kind, makeStore] of Object.entries(KINDS)) {
  Deno.test(`A login over ${kind} ends the session with the oldest login, of another process too`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using one = nodeOf(store, { maxSessionsPerPrincipal: 2 });
    await using two = nodeOf(store, { maxSessionsPerPrincipal: 2 });
    const cookies: string[] = [];
    for (const node of [one, two, one, two]) {
      cookies.push(cookieOf(await node.get("in")));
      await pass(time, 1000);
    }
    const seen: string[] = [];
    for (const cookie of cookies) {
      seen.push((await whoIs([one, two], cookie)).join());
    }
    assertEquals(seen, [
      "nobody,nobody",
      "nobody,nobody",
      "alice,alice",
      "alice,alice",
    ]);
    await pass(time, 1000);
    assertEquals([...one.reasons, ...two.reasons], ["evicted", "evicted"]);
  });

  Deno.test(`A login over ${kind} beyond the limit is answered 409, and not written`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const options = { whenPrincipalIsFull: "refuse" } as const;
    await using one = nodeOf(store, options);
    await using two = nodeOf(store, options);
    const first = cookieOf(await one.get("in"));
    const guest = cookieOf(await two.get("guest"));
    await pass(time, 1000);
    for (const cookie of ["", guest]) {
      const refused = await two.get("in", cookie);
      assertEquals(refused.status, 409);
      assertEquals(refused.headers.getSetCookie(), []);
      await refused.text();
    }
    assertEquals(await whoIs([one, two], first), ["alice", "alice"]);
    assertEquals((await store.uidsOf("alice")).length, 1);
    // The guest goes on as before, and may log in once there is room.
    assertEquals(await (await one.get("guest", guest)).text(), uidIn(guest));
    assertEquals(await whoIs([one, two], guest), ["nobody", "nobody"]);
    // The principal's own session counts once.
    const again = await two.get("in", first);
    assertEquals(again.status, 200);
    await one.site.endSessions("alice");
    await pass(time, 100);
    assertEquals((await two.get("in", guest)).status, 200);
    assertEquals(
      two.errors.filter((error) => /too many|already/.test(String(error))),
      [],
    );
  });

  Deno.test(`A process over ${kind} that loads sessions applies no limit`, async () => {
    for (const whenPrincipalIsFull of ["end-oldest", "refuse"] as const) {
      const store = makeStore();
      await using one = new Node(store)
        .page("in", (request) => request.logIn("alice").uid);
      const cookies = [
        cookieOf(await one.get("in")),
        cookieOf(await one.get("in")),
      ];
      await using two = nodeOf(store, { whenPrincipalIsFull });
      for (const cookie of [...cookies, ...cookies]) {
        assertEquals(await whoIs([two], cookie), ["alice"]);
      }
      const session = two.site.sessions.create();
      session.principal = "alice";
      assertEquals(two.errors.filter((e) => !/memory/.test(String(e))), []);
      assert(session.isActive);
    }
  });
}

for (const whenPrincipalIsFull of ["end-oldest", "refuse"] as const) {
  Deno.test(`Logins at once in two processes leave one session, if the limit does ${whenPrincipalIsFull}`, async () => {
    for (let lag = 0; lag < 6; lag++) {
      using time = new FakeTime();
      const memory = new MemoryStore();
      const nodes = [0, 1].map((index) => {
        const bent = new BentStore(asynchronous(memory));
        // Each call takes a while, so that those of both processes mix.
        for (const name of ["create", "commit", "uidsOf", "load", "end"]) {
          bent.bends[name] = async (act, ...args) => {
            await after(3);
            const answer = await act(...args);
            await after(3 + index * lag);
            return answer;
          };
        }
        return nodeOf(bent.store, { whenPrincipalIsFull });
      });
      const answers = nodes.map((node) => node.get("in"));
      await pass(time, 4000);
      const responses = await Promise.all(answers);
      assertEquals((await memory.uidsOf("alice")).length, 1);
      const isOne = [200, whenPrincipalIsFull === "refuse" ? 409 : 200];
      assertEquals(responses.map(({ status }) => status).sort(), isOne);
      await Promise.all(nodes.map((node) => node.site.close()));
    }
  });
}

Deno.test("A login whose limit cannot be read is answered 503", async () => {
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store, { whenPrincipalIsFull: "refuse" });
  bent.bends.uidsOf = () => Promise.reject(new Error("away"));
  const response = await node.get("in");
  assertEquals(response.status, 503);
  assertEquals(response.headers.getSetCookie(), []);
  assertMatch(await response.text(), /503/);
  assertEquals((await bent.inner.uidsOf("alice")).length, 0);
});

Deno.test("A login beyond the limit is answered 503 if the end of its session gets no answer", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using other = nodeOf(bent.inner, { whenPrincipalIsFull: "refuse" });
  await using node = nodeOf(bent.store, {
    whenPrincipalIsFull: "refuse",
    maxSessions: 1,
  });
  // The count before the write sees no other session.
  let counts = 0;
  bent.bends.uidsOf = async (uidsOf, principal) => {
    if (counts++ === 0) return [];
    // A visitor takes the place of the session in this process.
    await node.get("guest");
    return await uidsOf(principal);
  };
  bent.bends.end = () => Promise.reject(new Error("away"));
  await other.get("in");
  await pass(time, 10);
  const asking = node.get("in");
  await pass(time, 100);
  const response = await asking;
  assertEquals([response.status, response.headers.getSetCookie()], [503, []]);
});

function uidIn(cookie: string): string {
  return cookie.split("=")[1]!.slice(0, 32);
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("A login that may be refused is not written while the store counts", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store, { whenPrincipalIsFull: "refuse" });
  await node.get("in");
  await pass(time, 100);
  const created: unknown[] = [];
  bent.bends.create = (create, session) => {
    created.push(session.principal);
    return create(session);
  };
  bent.bends.uidsOf = async (uidsOf, principal) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    return await uidsOf(principal);
  };
  const asking = node.get("in");
  await pass(time, 2000);
  assertEquals((await asking).status, 409);
  assertEquals(created, []);
});

Deno.test("A login is answered 503 if the end of the session beyond the limit cannot be written", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  const first = cookieOf(await node.get("in"));
  await pass(time, 100);
  bent.bends.end = () => Promise.reject(new Error("away"));
  const asking = node.get("in");
  await pass(time, 500);
  const response = await asking;
  assertEquals([response.status, response.headers.getSetCookie()], [503, []]);
  // It is written once the store is back.
  bent.bends.end = undefined;
  await pass(time, 5000);
  assertEquals(await whoIs([node], first), ["nobody"]);
  assertEquals(node.reasons, ["evicted"]);
});

Deno.test("A login is answered when the end of the session beyond the limit is written", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  const first = await (await node.get("in")).text();
  await pass(time, 100);
  const writing = Promise.withResolvers<void>();
  bent.bends.end = async (end, ...args) => {
    await writing.promise;
    return await end(...args);
  };
  let isAnswered = false;
  const asking = Promise.resolve(node.get("in")).then(() => isAnswered = true);
  await pass(time, 500);
  assertEquals(isAnswered, false);
  writing.resolve();
  await asking;
  const look = { tokenHash: "", touch: false, grace: 0 };
  assertEquals(await bent.inner.load(first, look), undefined);
});

Deno.test("A login is not refused for another one that has ended its session since it was counted", async () => {
  using time = new FakeTime();
  const inner = asynchronous(new MemoryStore());
  const [first, second] = [new BentStore(inner), new BentStore(inner)];
  const options = {
    maxSessionsPerPrincipal: 1,
    whenPrincipalIsFull: "refuse",
  } as const;
  await using one = new Node(first.store, options);
  await using other = new Node(second.store, options);
  for (const node of [one, other]) {
    node.page("in", (request) => request.logIn("alice").uid);
  }
  let counts = 0;
  first.bends.uidsOf = async (act, principal) => {
    if (++counts !== 2) return act(principal);
    // After its own write; the other session ends during the second pause.
    await after(20);
    const uids = await act(principal);
    await after(30);
    return uids;
  };
  for (const [call, pause] of [["create", 10], ["end", 20]] as const) {
    second.bends[call] = async (act, ...args) => {
      await after(pause);
      return act(...args);
    };
  }
  const logins = [one, other].map((node) => Promise.resolve(node.get("in")));
  await pass(time, 2000);
  const responses = await Promise.all(logins);
  assertEquals(responses.map(({ status }) => status), [200, 409]);
  assertEquals(one.site.sessionsOf("alice").length, 1);
});

Deno.test("A login that another one has superseded sends no token that is not written, though it has joined a later one", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  const options: SiteOptions = {
    maxSessionsPerPrincipal: 5,
    whenPrincipalIsFull: "refuse",
  };
  await using one = nodeOf(bent.store, options);
  await using other = nodeOf(bent.inner, options);
  const waiting: (() => void)[] = [];
  bent.bends.uidsOf = async (act, ...args) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return await act(...args);
  };
  const guest = cookieOf(await one.get("guest"));
  await pass(time, 200);
  const first = Promise.resolve(one.get("in", guest));
  await pass(time, 200);
  const token = cookieOf(await other.get("in", guest));
  await pass(time, 200);
  // The second login supersedes the first one, and is not written yet.
  const second = Promise.resolve(one.get("in", token));
  await pass(time, 200);
  waiting[0]!();
  await pass(time, 100);
  await other.get("in", token);
  await pass(time, 300);
  bent.bends.uidsOf = undefined;
  waiting[2]!();
  await pass(time, 300);
  assertEquals(await whoIs([other], cookieOf(await first)), ["alice"]);
  waiting[1]!();
  await pass(time, 300);
  assertEquals(await whoIs([other], cookieOf(await second)), ["alice"]);
});

Deno.test("A second login to a session, which began before the first one was written, leaves it no older than the first one", async () => {
  using time = new FakeTime();
  const { store, bends } = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(store);
  const cookie = cookieOf(await node.get("guest"));
  await pass(time, 100);
  const loginTimes: number[] = [];
  bends.commit = async (commit, uid, changes, conditions) => {
    const age = changes.access?.loginAge;
    if (age !== undefined) {
      if (loginTimes.length === 0) await later(50);
      loginTimes.push(time.now - age);
    }
    return await commit(uid, changes, conditions);
  };
  const first = node.get("in", cookie);
  await pass(time, 20);
  const second = node.get("in", cookie);
  await pass(time, 200);
  assertEquals([(await first).status, (await second).status], [200, 200]);
  const [one, two] = loginTimes;
  assert(two! >= one!, loginTimes.join());
});

Deno.test("Logins to one session by two processes at once leave it no older than the first one written, so that one session stays", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using one = nodeOf(bent.store);
  const other = new BentStore(bent.inner);
  await using two = nodeOf(other.store);
  const cookie = cookieOf(await one.get("guest"));
  await pass(time, 100);
  bent.bends.commit = async (commit, ...args) => {
    bent.bends.commit = undefined;
    await later(500);
    return commit(...args);
  };
  other.bends.end = async (end, ...args) => {
    await later(1000);
    return end(...args);
  };
  const first = one.get("in", cookie);
  await pass(time, 100);
  await one.get("in");
  await pass(time, 100);
  const second = two.get("in", cookie);
  await pass(time, 1700);
  assertEquals((await first).status, 200);
  assertEquals(await whoIs([one, two], cookieOf(await second)), [
    "alice",
    "alice",
  ]);
});
