// What a site does while one part of its store is away, and the others are not.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { NO_TOKEN } from "../../persistence/record_calls.ts";
import { FakeTime } from "@std/testing/time";
import {
  MemoryStore,
  type MemoryStoreOptions,
} from "../../stores/memory_store.ts";
import type { SessionStore, StorePart } from "../../stores/store.ts";
import { BrokenStore, cookieOf, Node, pass } from "../helpers_store.ts";
import { BlockedClock } from "../helpers_time.ts";

const HOWS = ["throws", "hangs"] as const;

/** Two stores as one, each with a half of the sessions. */
class HalvedStore {
  readonly halves: readonly [BrokenStore, BrokenStore];
  readonly store: SessionStore;

  constructor(options: MemoryStoreOptions = {}) {
    this.halves = [
      new BrokenStore(new MemoryStore(options)),
      new BrokenStore(new MemoryStore(options)),
    ];
    const parts = this.halves.map(({ store }, index): StorePart => ({
      name: `half ${index}`,
      claim: (...args) => store.claim(...args),
      nextIn: () => store.nextIn(),
      uidsOf: (principal) => store.uidsOf(principal),
      watch: (...args) => store.watch(...args),
    }));
    const partOf = (uid: string) => parts[halfOf(uid)]!;
    const never = () => {
      throw new Error("A site asks the parts");
    };
    this.store = new Proxy({} as SessionStore, {
      get: (_, name) => {
        if (name === "parts") return parts;
        if (name === "partOf") return partOf;
        if (name === "check") return undefined;
        if (["claim", "nextIn", "uidsOf", "watch"].includes(String(name))) {
          return never;
        }
        return (first: string | { uid: string }, ...args: unknown[]) => {
          const uid = typeof first === "string" ? first : first.uid;
          const half = this.halves[halfOf(uid)].store;
          const member = Reflect.get(half, name) as (
            ...a: unknown[]
          ) => unknown;
          return member(first, ...args);
        };
      },
    });
  }
}

function halfOf(uid: string): 0 | 1 {
  return Number.parseInt(uid[0]!, 16) < 8 ? 0 : 1;
}

function uidOf(cookie: string): string {
  return cookie.split("=")[1]!.slice(0, 32);
}

function nodeOf(store: SessionStore): Node {
  return new Node(store)
    .page("visit", (request) => request.getSession().uid)
    .page("plain", () => "nothing of a session");
}

/** A site, with sessions in the half that is to fail and in the other. */
interface Setting extends AsyncDisposable {
  readonly halves: HalvedStore["halves"];
  /** The half that is to fail. */
  readonly first: BrokenStore;
  readonly node: Node;
  /** Cookies of sessions in it, three or more. */
  readonly away: readonly string[];
  /** Cookies of sessions in the other half, three or more. */
  readonly here: readonly string[];
}

async function setUp(time: FakeTime): Promise<Setting> {
  const { halves, store } = new HalvedStore();
  const node = nodeOf(store);
  await pass(time, 100);
  const cookies: [string[], string[]] = [[], []];
  while (cookies.some((half) => half.length < 3)) {
    const cookie = cookieOf(await node.get("visit"));
    cookies[halfOf(uidOf(cookie))].push(cookie);
  }
  const [away, here] = cookies;
  return {
    halves,
    first: halves[0],
    node,
    away,
    here,
    async [Symbol.asyncDispose]() {
      for (const half of halves) half.how = "works";
      // What hangs is given up.
      await pass(time, 5000);
      await node.site.close();
    },
  };
}

/** Has the site notice that the half is away. */
async function takeAway(
  time: FakeTime,
  { first, node, away }: Setting,
  how: "throws" | "hangs",
): Promise<void> {
  first.how = how;
  const answers = away.map((cookie) => node.get("visit", cookie));
  await pass(time, 2500);
  for (const answer of answers) assertEquals((await answer).status, 503);
}

/** The status of an answer that takes no time at all. */
async function statusAtOnce(
  time: FakeTime,
  answer: Response | Promise<Response>,
): Promise<number | undefined> {
  let status: number | undefined;
  Promise.resolve(answer).then((response) => status = response.status);
  await pass(time, 0);
  return status;
}

for (const how of HOWS) {
  Deno.test(`Site serves the sessions of the other parts, and refuses those of a part that ${how} at once`, async () => {
    using time = new FakeTime();
    await using set = await setUp(time);
    const { node } = set;
    set.first.how = how;
    // Nobody has noticed yet that the part is away.
    const early = set.away.map((cookie) => node.get("visit", cookie));
    for (const cookie of set.here) {
      assertEquals(await statusAtOnce(time, node.get("visit", cookie)), 200);
    }
    await pass(time, 2500);
    for (const answer of early) assertEquals((await answer).status, 503);
    for (let second = 0; second < 30; second++) {
      for (const cookie of set.here) {
        assertEquals(await statusAtOnce(time, node.get("visit", cookie)), 200);
      }
      for (const cookie of set.away) {
        assertEquals(await statusAtOnce(time, node.get("visit", cookie)), 503);
      }
      await pass(time, 1000);
    }
  });

  Deno.test(`Site tells the ends of the other parts on time while a part ${how}`, async () => {
    using time = new FakeTime();
    await using set = await setUp(time);
    const { node } = set;
    await takeAway(time, set, how);
    await pass(time, 60_000);
    const late = node.ends.map(({ at }) => Date.now() - at * 1000);
    assertEquals(
      new Set(node.ends.map(({ uid }) => uid)),
      new Set(set.here.map(uidOf)),
    );
    assert(Math.max(...late) < 5000);
    set.first.how = "works";
    await pass(time, 5000);
    assertEquals(
      new Set(node.ends.map(({ uid }) => uid)),
      new Set([...set.here, ...set.away].map(uidOf)),
    );
  });

  Deno.test(`Site reports once that a part ${how}, and by its name`, async () => {
    using time = new FakeTime();
    await using set = await setUp(time);
    const { node } = set;
    await takeAway(time, set, how);
    for (let second = 0; second < 20; second++) {
      for (const cookie of set.away) await node.get("visit", cookie);
      await pass(time, 1000);
    }
    assertEquals(node.errors.map(String), [
      "StoreUnavailableError: Cannot reach half 0 of the session store",
    ]);
  });

  Deno.test(`Site asks a part that ${how} once a second, or after each timeout`, async () => {
    using time = new FakeTime();
    await using set = await setUp(time);
    const { node } = set;
    set.first.how = how;
    set.first.calls.length = 0;
    const asked: number[] = [];
    for (let ms = 0; ms < 30_000; ms += 10) {
      // Visits to the part, and news of the other, do not make it ask sooner.
      if (ms % 500 === 0) node.get("visit", set.away[0]);
      if (ms % 500 === 0) node.get("visit");
      await pass(time, 10);
      const calls = set.first.calls.splice(0);
      if (calls.some((name) => /claim|nextIn/.test(name))) {
        asked.push(Date.now());
      }
    }
    const gaps = asked.slice(1).map((at, index) => at - asked[index]!);
    const pause = how === "throws" ? 1000 : 2000;
    assert(gaps.length >= 30_000 / pause - 2, `${gaps}`);
    assert(gaps.every((gap) => Math.abs(gap - pause) <= 10), `${gaps}`);
  });

  Deno.test(`Site begins new sessions in the other parts while a part ${how}`, async () => {
    using time = new FakeTime();
    await using set = await setUp(time);
    const { node } = set;
    await takeAway(time, set, how);
    for (let i = 0; i < 20; i++) {
      const cookie = cookieOf(await node.get("visit"));
      assertEquals(halfOf(uidOf(cookie)), 1);
    }
  });

  Deno.test(`Site.endSessions() ends what it can reach while a part ${how}, and then fails`, async () => {
    using time = new FakeTime();
    await using set = await setUp(time);
    const { node } = set;
    for (const cookie of [...set.here, ...set.away]) {
      node.site.getSession(uidOf(cookie))!.principal = "alice";
    }
    await pass(time, 1000);
    set.first.how = how;
    const ending = Promise.resolve(node.site.endSessions("alice"));
    const failed = assertRejects(() => ending);
    await pass(time, 3000);
    await failed;
    assertEquals(
      new Set(node.ends.map(({ uid }) => uid)),
      new Set(set.here.map(uidOf)),
    );
  });

  Deno.test(`Site.close() writes what it can while a part ${how}, within the timeout`, async () => {
    using time = new FakeTime();
    await using set = await setUp(time);
    const { node } = set;
    set.first.how = how;
    for (const cookie of [...set.away, ...set.here]) {
      node.site.getSession(uidOf(cookie))!.set("basket", "tea");
    }
    let isClosed = false;
    const closing = node.site.close().then(() => isClosed = true);
    await pass(time, 5000);
    assert(isClosed);
    await closing;
    for (const cookie of set.here) {
      const kept = await set.halves[1].store.load(uidOf(cookie), NO_TOKEN);
      assertEquals(kept?.values.get("basket"), 'j"tea"');
    }
  });

  Deno.test(`Session.set() on a part that ${how} fails no request of the others, and is written later`, async () => {
    using time = new FakeTime();
    await using set = await setUp(time);
    const { node } = set;
    await takeAway(time, set, how);
    const session = node.site.getSession(uidOf(set.away[0]!))!;
    session.set("basket", "tea");
    await pass(time, 10);
    for (let i = 0; i < 10; i++) {
      const visit = node.get("visit", set.here[0]);
      assertEquals(await statusAtOnce(time, visit), 200);
      assertEquals(await statusAtOnce(time, node.get("plain")), 200);
      await pass(time, 500);
    }
    set.first.how = "works";
    await pass(time, 6000);
    const kept = await set.first.store.load(session.uid, NO_TOKEN);
    assertEquals(kept?.values.get("basket"), 'j"tea"');
  });

  Deno.test(`Site serves the sessions of a part again that is back after it ${how}`, async () => {
    using time = new FakeTime();
    await using set = await setUp(time);
    const { node } = set;
    await takeAway(time, set, how);
    await pass(time, 15_000);
    set.first.how = "works";
    await pass(time, 5000);
    for (const cookie of [...set.away, ...set.here]) {
      const answer = await node.get("visit", cookie);
      assertEquals(await answer.text(), uidOf(cookie));
    }
  });
}

Deno.test("Site refuses new sessions when all parts are away", async () => {
  using time = new FakeTime();
  await using set = await setUp(time);
  const { node } = set;
  for (const half of set.halves) half.how = "throws";
  await pass(time, 5000);
  assertEquals(await statusAtOnce(time, node.get("visit")), 503);
  assertEquals(await statusAtOnce(time, node.get("plain")), 200);
});

Deno.test("Site.endSessions() answers how many ended in all parts", async () => {
  using time = new FakeTime();
  await using set = await setUp(time);
  const { node, here, away } = set;
  for (const cookie of [...here, ...away]) {
    node.site.getSession(uidOf(cookie))!.principal = "alice";
  }
  await pass(time, 1000);
  assertEquals(
    await node.site.endSessions("alice"),
    here.length + away.length,
  );
});

Deno.test("Site lets timers in between two ends of different parts", async () => {
  const clock = new BlockedClock();
  const { store } = new HalvedStore({ clock });
  const node = new Node(store, { clock, sessionTimeout: 60 })
    .page("visit", (request) => request.getSession().uid);
  const order: string[] = [];
  node.site.notifyOnSessionEnd(({ uid }) => {
    order.push(`end in half ${halfOf(uid)}`);
    clock.setTimeout(() => order.push("timer"), 0);
    clock.block(120);
  });
  await clock.pass(100);
  for (let i = 0; i < 20; i++) await (await node.get("visit")).text();
  await clock.pass(70_000);
  assertEquals(new Set(order).size, 3);
  assertEquals(order.filter((_, i) => i % 2 === 1), Array(20).fill("timer"));
  const closing = node.site.close();
  await clock.pass(1000);
  await closing;
});

Deno.test("Site.storedEnds counts the ends of all parts", async () => {
  using time = new FakeTime();
  await using set = await setUp(time);
  const { node, here, away } = set;
  await pass(time, 62_000);
  assertEquals(node.site.storedEnds?.delivered, here.length + away.length);
});

Deno.test("Site reports a call to the store that fails by itself", async () => {
  using time = new FakeTime();
  const broken = new BrokenStore(new MemoryStore());
  await using node = nodeOf(broken.store);
  const cookie = cookieOf(await node.get("visit"));
  await pass(time, 100);
  broken.how = "throws";
  assertEquals((await node.get("visit", cookie)).status, 503);
  broken.how = "works";
  await pass(time, 1000);
  assertEquals(node.errors.map(String), ["Error: the database is away"]);
});
