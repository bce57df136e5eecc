// A logout is sure: it is answered 503 until it is written, the process goes on
// trying, and the session is never opened again in the process that ended it.

import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { SiteRequest } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import {
  after,
  asynchronous,
  BentStore,
  cookieOf,
  Node,
  pass,
  uidOf,
} from "../helpers_store.ts";

const KINDS: Record<string, () => SessionStore> = {
  "MemoryStore": () => new MemoryStore(),
  "a store that is waited for": () => asynchronous(new MemoryStore()),
  "SqliteStore": () => new SqliteStore({ path: ":memory:" }),
};

const LOGOUTS: Record<
  string,
  (request: SiteRequest) => string | Promise<string>
> = {
  "logOut()": (request) => {
    request.logOut();
    return "bye";
  },
  "logOut() after an await": async (request) => {
    request.getSession();
    await undefined;
    request.logOut();
    return "bye";
  },
  "expire()": (request) => {
    request.getSession().expire();
    return "bye";
  },
  "expire() after an await": async (request) => {
    const session = request.getSession();
    await undefined;
    session.expire();
    return "bye";
  },
  "expire() of what it only looked at": (request) => {
    request.session?.expire();
    return "bye";
  },
};

const FAULTS: Record<string, () => unknown> = {
  "fails": () => Promise.reject(new Error("away")),
  "throws": () => {
    throw new Error("away");
  },
  "hangs": () => new Promise(() => {}),
};

for (const [kind, makeStore] of Object.entries(KINDS)) {
  for (const [how, logOut] of Object.entries(LOGOUTS)) {
    for (const [what, fault] of Object.entries(FAULTS)) {
      Deno.test(`A logout by ${how} over ${kind} that ${what} is answered 503, and written later`, async () => {
        using time = new FakeTime();
        const bent = new BentStore(makeStore());
        await using node = new Node(bent.store)
          .page("in", (request) => request.logIn("alice").uid)
          .page("who", (request) => request.session?.uid ?? "nobody")
          .page("out", logOut);
        await using other = new Node(bent.inner)
          .page("who", (request) => request.session?.uid ?? "nobody");
        const cookie = cookieOf(await node.get("in"));
        const session = node.site.sessions.get(uidOf(cookie))!;
        const own: string[] = [];
        session.notifyOnExpire(({ reason }) => own.push(reason));
        await pass(time, 100);

        bent.bends.end = fault;
        const leaving = node.get("out", cookie);
        await pass(time, 3000);
        const response = await leaving;
        assertEquals(response.status, 503);
        assertEquals(response.headers.getSetCookie(), []);
        await response.body?.cancel();
        assertEquals(own, ["logout"], "the session's own listeners");
        assertEquals(node.reasons, [], "the listeners of all sessions");

        const asking = node.get("who", cookie);
        await pass(time, 3000);
        const answer = await asking;
        const text = await answer.text();
        assert(answer.status === 503 || text === "nobody", text);

        bent.bends.end = undefined;
        await pass(time, 5000);
        assertEquals(node.reasons, ["logout"]);
        assertEquals(own, ["logout"]);
        for (const one of [node, other]) {
          assertEquals(await (await one.get("who", cookie)).text(), "nobody");
        }
        await pass(time, 70_000);
        assertEquals([...node.reasons, ...other.reasons], ["logout"]);
      });
    }
  }

  Deno.test(`A session that was logged out over ${kind} is not opened again, whatever the store answers`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    const bent = new BentStore(store);
    await using node = new Node(bent.store)
      .page("in", (request) => request.logIn("alice").uid)
      .page("who", (request) => request.session?.uid ?? "nobody")
      .page("visit", (request) => request.getSession().uid)
      .page("out", (request) => {
        request.logOut();
        return "bye";
      });
    const cookie = cookieOf(await node.get("in"));
    const uid = uidOf(cookie);
    // A failover loses the end: the record is back.
    const record = await store.load(uid, {
      tokenHash: "",
      touch: false,
      grace: 0,
    });
    assertEquals((await node.get("out", cookie)).status, 200);
    await pass(time, 100);
    bent.bends.load = (act, ...args) =>
      args[0] === uid ? { ...record, touchedBefore: 0 } : act(...args);
    for (const seconds of [0, 10, 890]) {
      await pass(time, seconds * 1000);
      assertEquals(await (await node.get("who", cookie)).text(), "nobody");
      const response = await node.get("visit", cookie);
      assert(await response.text() !== uid);
    }
  });
}

for (const isAnswered of [true, false]) {
  const what = isAnswered
    ? "resolves when all ends are written"
    : "rejects with 503 if an end cannot be written";
  Deno.test(`Sessions.endSessions() ${what}`, async () => {
    using time = new FakeTime();
    const bent = new BentStore(asynchronous(new MemoryStore()));
    await using node = new Node(bent.store).page(
      "in",
      (request) => request.logIn("alice").uid,
    );
    const uids: string[] = [];
    for (let count = 0; count < 2; count++) {
      uids.push(await (await node.get("in")).text());
    }
    await pass(time, 100);
    bent.bends.end = async (end, ...args) => {
      await after(500);
      if (!isAnswered && args[0] === uids[1]) throw new Error("away");
      return end(...args);
    };
    const look = { tokenHash: "", touch: false, grace: 0 };
    const ending = Promise.resolve(node.site.endSessions("alice")).then(
      async (count) => {
        for (const uid of uids) {
          assertEquals(await bent.inner.load(uid, look), undefined);
        }
        return count;
      },
      (error) => error.status,
    );
    await pass(time, 1000);
    assertEquals(await ending, isAnswered ? 2 : 503);
    bent.bends.end = undefined;
    await pass(time, 5000);
    assertEquals(await bent.inner.load(uids[1]!, look), undefined);
  });
}
