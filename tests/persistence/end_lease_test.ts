// Ends of stored sessions are told once, though callbacks block: a callback is
// called only while the lease holds, and others have their turn between two ends.

import { FakeTime } from "@std/testing/time";
import {
  assertEquals,
  assertGreater,
  assertLess,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  type Clock,
  Session,
  type SessionEnd,
  type SiteOptions,
} from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { TestClock, TestSite } from "../../testing.ts";
import type { SessionStore } from "../../stores/store.ts";
import { Leaf } from "../helpers_http.ts";
import { testWith } from "../helpers_process.ts";
import {
  after,
  asynchronous,
  BentStore,
  BrokenStore,
  cookieOf,
  Node,
  pass,
} from "../helpers_store.ts";
import { BlockedClock } from "../helpers_time.ts";

/** Milliseconds of a lease by default. */
const LEASE = 10_000;

const KINDS: Record<string, (store: SessionStore) => SessionStore> = {
  "a store": (store) => store,
  "a store that has to be waited for": asynchronous,
};

/** Milliseconds before a call of the store is sent, and before its answer comes. */
type Delays = Partial<Record<keyof SessionStore, [number, number]>>;

/** Processes that share a store, on one clock, and one that tells without delay. */
class Fleet implements AsyncDisposable {
  readonly clock = new BlockedClock();
  readonly memory: MemoryStore;
  readonly nodes: Node[] = [];
  /** How often the callback of each end was called. */
  readonly calls = new Map<string, number>();
  /** How often the other process calls it. */
  times = 1;
  /** What the nodes have asked the store, such as "0 renew". */
  readonly asked: string[] = [];
  /** Calls of the store that fail. */
  readonly failing = new Set<string>();
  delays: Delays = {};
  readonly #wrap: (store: SessionStore) => SessionStore;

  constructor(wrap: (store: SessionStore) => SessionStore) {
    this.#wrap = wrap;
    const { clock } = this;
    // The date of the processes may change, that of the store does not.
    this.memory = new MemoryStore({
      clock: { now: () => clock.now() - clock.dateChange },
    });
  }

  /** Starts a process. */
  start(options: SiteOptions = {}): Node {
    const { clock } = this;
    const store = this.#wrap(this.#watched(this.nodes.length));
    const node = new Node(store, { clock, sessionTimeout: 60, ...options });
    node.page("visit", (request) => request.logIn("bob").uid);
    this.nodes.push(node);
    return node;
  }

  /** Makes sessions, which one of the processes holds. */
  async fill(node: Node, count: number): Promise<string[]> {
    const uids: string[] = [];
    for (let i = 0; i < count; i++) {
      uids.push(await (await node.get("visit")).text());
    }
    return uids;
  }

  /** Counts a call of a callback of an end; returns how often it was called. */
  count({ uid }: SessionEnd): number {
    const calls = (this.calls.get(uid) ?? 0) + 1;
    this.calls.set(uid, calls);
    return calls;
  }

  /**
   * Blocks the event loop of the processes. The other process looks each half a
   * second whether it can claim, and tells.
   */
  block(milliseconds: number): void {
    for (let left = milliseconds; left > 0; left -= 500) {
      this.clock.block(Math.min(left, 500));
      const { ends } = this.memory.claim({ owner: "other", lease: 1 }, 1000);
      for (const { session: { uid }, fence } of ends) {
        this.calls.set(uid, (this.calls.get(uid) ?? 0) + this.times);
        this.memory.acknowledge(uid, fence);
      }
    }
  }

  /** Lets time go by until the store has forgotten all the ends. */
  async finish(): Promise<void> {
    for (let seconds = 0; this.memory.size > 0; seconds++) {
      assertLess(seconds, 600, "the ends are not told");
      await this.clock.pass(1000);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) {
      const closing = node.site.close();
      await this.clock.pass(60_000);
      await closing;
    }
  }

  #watched(number: number): SessionStore {
    return new Proxy<SessionStore>(this.memory, {
      get: (target, name) => {
        const member = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        const act = String(name) as keyof SessionStore;
        const ask = (args: unknown[]) => {
          if (this.failing.has(act)) throw new Error("not now");
          return member.apply(target, args);
        };
        return (...args: unknown[]) => {
          this.asked.push(`${number} ${act}`);
          const delays = this.delays[act];
          if (delays === undefined || number > 0) return ask(args);
          const [before, after] = delays;
          return this.clock.wait(before).then(async () => {
            const answer = await ask(args);
            await this.clock.wait(after);
            return answer;
          });
        };
      },
    });
  }
}

/** What the processes do at an end, and how. */
interface Work {
  readonly sessions: number;
  /** How often each callback is called at an end; once unless told. */
  readonly times?: number;
  register(fleet: Fleet, node: Node): void;
}

const WORKS: Record<string, Work> = {
  "130 callbacks that block for 120 ms": {
    sessions: 130,
    register: (fleet, { site }) =>
      site.notifyOnSessionEnd((end) => {
        fleet.count(end);
        fleet.block(120);
      }),
  },
  "callbacks that block for 4.5 s": {
    sessions: 6,
    register: (fleet, { site }) =>
      site.notifyOnSessionEnd((end) => {
        fleet.count(end);
        fleet.block(4500);
      }),
  },
  "four callbacks an end that block for 4 s": {
    sessions: 3,
    times: 4,
    register: (fleet, { site }) => {
      for (let i = 0; i < 4; i++) {
        site.notifyOnSessionEnd((end) => {
          fleet.count(end);
          fleet.block(4000);
        });
      }
    },
  },
  "callbacks that block, and then wait": {
    sessions: 130,
    register: (fleet, { site }) =>
      site.notifyOnSessionEnd(async (end) => {
        fleet.count(end);
        fleet.block(120);
        await fleet.clock.wait(3000);
      }),
  },
  "a callback that waits while others block": {
    sessions: 3,
    times: 4,
    register: (fleet, { site }) => {
      for (let i = 0; i < 4; i++) {
        site.notifyOnSessionEnd((end) => {
          fleet.count(end);
          if (fleet.calls.size === 1) return fleet.clock.wait(3000);
          fleet.block(4000);
        });
      }
    },
  },
  "callbacks that block, and fail the first time": {
    sessions: 130,
    times: 2,
    register: (fleet, { site }) =>
      site.notifyOnSessionEnd((end) => {
        fleet.block(120);
        if (fleet.count(end) === 1) throw new Error("no line to the bank");
      }),
  },
  "callbacks by name that block": {
    sessions: 130,
    register: (fleet, { site }) => {
      site.onEnd("bill", (_, end) => {
        fleet.count(end);
        fleet.block(120);
      });
      site.notifyOnSessionStart((session) => session.notifyOnExpire("bill"));
    },
  },
  "listeners of the sessions that block": {
    sessions: 130,
    register: (fleet, { site }) => {
      site.notifyOnSessionEnd((end) => void fleet.count(end));
      site.notifyOnSessionStart((session) =>
        session.notifyOnExpire(() => fleet.block(120))
      );
    },
  },
};

const CAUSES: Record<string, (fleet: Fleet, node: Node) => Promise<unknown>> = {
  "come due": (fleet) => fleet.clock.pass(60_000),
  "are brought about": async (_fleet, { site }) =>
    await site.endSessions("bob"),
};

for (const [kind, wrap] of Object.entries(KINDS)) {
  for (
    const [what, { sessions, times = 1, register }] of Object.entries(WORKS)
  ) {
    for (const [cause, end] of Object.entries(CAUSES)) {
      Deno.test(`Site over ${kind} tells ends that ${cause} once, with ${what}`, async () => {
        await using fleet = new Fleet(wrap);
        const node = fleet.start();
        fleet.times = times;
        register(fleet, node);
        const uids = await fleet.fill(node, sessions);
        await end(fleet, node);
        await fleet.finish();
        assertEquals(
          fleet.calls,
          new Map([...fleet.calls.keys()].map((uid) => [uid, times])),
        );
        assertEquals([...fleet.calls.keys()].sort(), uids.sort());
        assertEquals(node.site.storedEnds?.left, 0);
        assertEquals(node.site.storedEnds?.deadLetter, 0);
      });
    }
  }

  Deno.test(`Site over ${kind} leaves an end alone whose lease was over before its turn`, async () => {
    await using fleet = new Fleet(wrap);
    const node = fleet.start();
    node.site.notifyOnSessionEnd((end) => {
      fleet.count(end);
      if (fleet.calls.size === 1) fleet.block(LEASE + 1);
    });
    await fleet.fill(node, 5);
    await fleet.clock.pass(60_000);
    await fleet.finish();
    await fleet.clock.pass(2 * LEASE);
    const [first, ...others] = fleet.calls.values();
    // Its lease was over while its callback ran.
    assertEquals(first, 2);
    assertEquals(others, [1, 1, 1, 1]);
    assertEquals(node.ends.length, 1);
    assertEquals(node.site.sessions.size, 0);
    assertEquals(node.errors, []);
  });

  Deno.test(`Site over ${kind} calls no further callback of an end whose lease is lost`, async () => {
    await using fleet = new Fleet(wrap);
    const node = fleet.start();
    const told: string[] = [];
    node.site.notifyOnSessionEnd(() => {
      told.push("first");
      fleet.clock.block(LEASE + 1);
      fleet.memory.claim({ owner: "x", lease: 1000 * LEASE }, 100);
    });
    node.site.notifyOnSessionEnd(() => void told.push("second"));
    await fleet.fill(node, 1);
    await fleet.clock.pass(60_000 + 3 * LEASE);
    assertEquals(told, ["first"]);
  });

  Deno.test(`Site over ${kind} tells nothing while a lease cannot be renewed`, async () => {
    await using fleet = new Fleet(wrap);
    const node = fleet.start();
    node.site.notifyOnSessionEnd((end) => {
      if (fleet.calls.size === 0) {
        fleet.clock.block(LEASE * 0.6);
        fleet.failing.add("renew");
      }
      fleet.count(end);
    });
    await fleet.fill(node, 3);
    await fleet.clock.pass(60_000);
    await fleet.clock.pass(3000);
    assertEquals(fleet.calls.size, 1);
    fleet.failing.clear();
    await fleet.finish();
    assertEquals([...fleet.calls.values()], [1, 1, 1]);
  });

  Deno.test(`Site over ${kind} renews no lease where nothing blocks`, async () => {
    await using fleet = new Fleet(wrap);
    const node = fleet.start();
    await fleet.fill(node, 130);
    await fleet.clock.pass(60_000);
    await fleet.finish();
    assertEquals(node.ends.length, 130);
    assertEquals(fleet.asked.filter((act) => act === "0 renew"), []);
  });

  Deno.test(`Site over ${kind} measures leases by the monotonic clock, whatever the date`, async () => {
    await using fleet = new Fleet(wrap);
    const node = fleet.start();
    node.site.notifyOnSessionEnd((end) => {
      fleet.count(end);
      fleet.clock.block(LEASE * 0.6);
      fleet.clock.dateChange -= LEASE * 0.6;
    });
    await fleet.fill(node, 3);
    await fleet.clock.pass(60_000);
    await fleet.finish();
    assertEquals([...fleet.calls.values()], [1, 1, 1]);
    const renewals = fleet.asked.filter((act) => act === "0 renew");
    assertGreater(renewals.length, 1);
    assertEquals(node.site.storedEnds?.left, 0);
  });

  Deno.test(`Site over ${kind} lets timers and requests in between two ends`, async () => {
    await using fleet = new Fleet(wrap);
    const node = fleet.start();
    const order: string[] = [];
    node.site.notifyOnSessionEnd(() => {
      order.push("end");
      fleet.clock.block(120);
      if (order.length > 1) return;
      fleet.clock.setTimeout(async () => {
        await (await node.get("visit")).text();
        order.push("answer");
      }, 0);
    });
    await fleet.fill(node, 3);
    await fleet.clock.pass(60_000);
    await fleet.clock.pass(1000);
    assertEquals(order, ["end", "answer", "end", "end"]);
  });

  Deno.test(`Site over ${kind} lets timers in between two ends whose leases it has renewed`, async () => {
    await using fleet = new Fleet(wrap);
    const node = fleet.start();
    const order: string[] = [];
    node.site.notifyOnSessionEnd(() => {
      order.push("end");
      fleet.clock.setTimeout(() => order.push("timer"), 0);
      fleet.clock.block(order.length === 1 ? LEASE * 0.6 : 120);
    });
    await fleet.fill(node, 4);
    fleet.delays = { renew: [0, 500] };
    await fleet.clock.pass(60_000);
    await fleet.finish();
    await fleet.clock.pass(1000);
    const each = ["end", "timer"];
    assertEquals(order, [...each, ...each, ...each, ...each]);
    // Each lease is renewed once, though all of them wait for the answers.
    assertLess(fleet.asked.filter((act) => act === "0 renew").length, 5);
  });

  Deno.test(`Site over ${kind} claims no more ends while others have not had their turn`, async () => {
    await using fleet = new Fleet(wrap);
    const node = fleet.start();
    node.site.notifyOnSessionEnd((end) => {
      fleet.count(end);
      fleet.clock.block(120);
    });
    await fleet.fill(node, 230);
    await fleet.clock.pass(60_000);
    let most = 0;
    for (let tenths = 0; fleet.memory.size > 0; tenths++) {
      await fleet.clock.pass(100);
      const { claimed, delivered } = node.site.storedEnds!;
      most = Math.max(most, claimed - delivered);
      assertLess(tenths, 6000);
    }
    assertLess(most, 101);
    assertEquals(fleet.calls.size, 230);
  });

  Deno.test(`SessionEnd.lateness over ${kind} counts the time for which an end waited for its turn`, async () => {
    await using fleet = new Fleet(wrap);
    const before = fleet.start();
    await fleet.fill(before, 11);
    const closing = before.site.close();
    await fleet.clock.pass(50_000);
    await closing;
    const due = fleet.clock.now() + 10_000;
    await fleet.clock.pass(10_000);
    const node = fleet.start();
    node.site.notifyOnSessionEnd(() => fleet.clock.block(1000));
    await fleet.clock.pass(0);
    await fleet.finish();
    const late = node.ends.map(({ lateness }) => Math.round(lateness!));
    assertEquals(late, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const { at } of node.ends) {
      assertLess(Math.abs(at * 1000 - due), 100);
    }
  });

  Deno.test(`SessionEnd.session over ${kind} is the live session, though its end waited`, async () => {
    await using fleet = new Fleet(wrap);
    const node = fleet.start();
    node.site.notifyOnSessionEnd(() => fleet.clock.block(200));
    await fleet.fill(node, 20);
    const live = new Map(node.site.sessions);
    await fleet.clock.pass(60_000);
    await fleet.finish();
    assertEquals(fleet.asked.filter((act) => act === "0 load"), []);
    assertEquals(node.ends.length, 20);
    for (const { uid, session } of node.ends) {
      assertStrictEquals(session, live.get(uid));
    }
  });

  for (const hasNews of [true, false]) {
    const how = hasNews ? "with news" : "without news";
    Deno.test(`Site.getSession() over ${kind} finds no session that has ended elsewhere and waits for its turn, ${how}`, async () => {
      await using fleet = new Fleet(wrap);
      if (!hasNews) fleet.failing.add("watch");
      const node = fleet.start();
      const found: unknown[] = [];
      let calls = 0;
      node.site.notifyOnSessionStart((session) =>
        session.notifyOnExpire(() => {
          calls++;
          fleet.clock.setTimeout(() => {
            found.push(...uids.filter((uid) => node.site.getSession(uid)));
          }, 0);
          fleet.clock.block(120);
        })
      );
      const uids = await fleet.fill(node, 5);
      await fleet.clock.pass(59_000);
      // The other process is faster.
      fleet.block(1500);
      assertEquals(fleet.memory.size, 0);
      await fleet.clock.pass(5000);
      assertEquals([calls, node.ends.length, found], [5, 0, []]);
    });
  }

  Deno.test(`Site over ${kind} leaves an end of which it can make no session to others`, async () => {
    await using fleet = new Fleet(wrap);
    const before = fleet.start();
    const [uid] = await fleet.fill(before, 1);
    const closing = before.site.close();
    await fleet.clock.pass(1000);
    await closing;
    class BrokenSession extends Session {
      constructor(...args: ConstructorParameters<typeof Session>) {
        super(...args);
        throw new Error("no session");
      }
    }
    const broken = fleet.start({ sessionFactory: BrokenSession });
    await fleet.clock.pass(60_000);
    assertEquals(broken.errors.map(String), ["Error: no session"]);
    const after = fleet.start();
    await fleet.clock.pass(2 * LEASE);
    assertEquals(after.ends.map((end) => end.uid), [uid]);
  });

  Deno.test(`Site.close() over ${kind} leaves waiting ends to others at once, though a callback hangs`, async () => {
    await using fleet = new Fleet(wrap);
    const one = fleet.start();
    one.site.notifyOnSessionEnd(() => {
      fleet.clock.block(120);
      return new Promise(() => {});
    });
    await fleet.fill(one, 20);
    await fleet.clock.pass(60_000);
    const closing = one.site.close();
    await fleet.clock.pass(100);
    const told = one.ends.length;
    assertLess(told, 20);
    const two = fleet.start();
    await fleet.clock.pass(1000);
    assertEquals(two.ends.length, 20 - told);
    await fleet.clock.pass(10_000);
    await closing;
  });

  Deno.test(`Site.close() over ${kind} leaves the ends to others that wait for their turn`, async () => {
    await using fleet = new Fleet(wrap);
    const one = fleet.start();
    one.site.notifyOnSessionEnd((end) => {
      fleet.count(end);
      fleet.clock.block(120);
    });
    const uids = await fleet.fill(one, 20);
    await fleet.clock.pass(60_000);
    await fleet.clock.pass(500);
    const closing = one.site.close();
    await fleet.clock.pass(1000);
    await closing;
    const told = fleet.calls.size;
    assertGreater(told, 0);
    assertLess(told, 20);
    const two = fleet.start();
    await fleet.clock.pass(100);
    assertEquals(two.ends.length, 20 - told);
    assertEquals(
      [...fleet.calls.keys(), ...two.ends.map(({ uid }) => uid)].sort(),
      uids.sort(),
    );
    assertEquals([...one.errors, ...two.errors], []);
  });
}

Deno.test("Session.expire() over a store tells an end that waits for its turn, once", async () => {
  await using fleet = new Fleet((store) => store);
  const node = fleet.start();
  const reasons: string[] = [];
  node.site.notifyOnSessionEnd((end) => {
    fleet.count(end);
    reasons.push(end.reason);
    fleet.clock.block(120);
    if (fleet.calls.size > 1) return;
    // It is due, and claimed; the application is faster.
    for (const session of node.site.sessions.values()) session.expire();
  });
  await fleet.fill(node, 3);
  await fleet.clock.pass(60_000);
  await fleet.finish();
  assertEquals([...fleet.calls.values()], [1, 1, 1]);
  assertEquals(reasons, ["idle", "logout", "logout"]);
});

Deno.test("Site over a store tells an end right after the session's own listeners", async () => {
  await using fleet = new Fleet((store) => store);
  const node = fleet.start();
  const order: string[] = [];
  node.site.notifyOnSessionStart((session) =>
    session.notifyOnExpire(({ uid }) => void order.push(uid))
  );
  node.site.notifyOnSessionEnd(({ uid }) => {
    order.push(uid);
    fleet.clock.block(120);
  });
  const uids = await fleet.fill(node, 5);
  await fleet.clock.pass(60_000);
  await fleet.finish();
  assertEquals(order, uids.flatMap((uid) => [uid, uid]));
});

for (const call of ["claim", "end"] as const) {
  Deno.test(`Site measures a lease from the time when the store was asked to ${call}`, async () => {
    await using fleet = new Fleet(asynchronous);
    const node = fleet.start({ storeTimeout: 9 });
    node.site.notifyOnSessionEnd(() => void fleet.asked.push("told"));
    await fleet.fill(node, 1);
    await fleet.clock.pass(50_000);
    // The claim is made at once, and the answer takes most of the lease.
    fleet.delays = { [call]: [0, LEASE * 0.6] };
    fleet.asked.length = 0;
    if (call === "end") node.site.sessions.forEach((it) => it.expire());
    await fleet.finish();
    const acts = fleet.asked.filter((act) => /told|renew/.test(act));
    assertEquals(acts, ["0 renew", "told"]);
    assertEquals(node.site.storedEnds?.left, 0);
  });
}

Deno.test("Site measures a lease from the time when the store was asked to renew", async () => {
  await using fleet = new Fleet(asynchronous);
  const node = fleet.start({ storeTimeout: 9 });
  node.site.notifyOnSessionEnd((end) => {
    if (fleet.count(end) === 1) fleet.clock.block(LEASE * 0.6);
  });
  await fleet.fill(node, 2);
  fleet.delays = { renew: [0, LEASE * 0.6] };
  await fleet.clock.pass(60_000 + 3 * LEASE);
  assertEquals(fleet.calls.size, 1);
  fleet.delays = {};
  await fleet.finish();
  assertEquals([...fleet.calls.values()], [1, 1]);
  assertEquals(node.site.storedEnds?.left, 0);
});

Deno.test("Site asks its clock for monotonic time, and performance.now() without", async () => {
  const { now } = performance;
  for (const has of [true, false]) {
    let reads = 0;
    const blocked = new BlockedClock();
    const clock: Clock = {
      now: () => blocked.now(),
      setTimeout: (callback, delay) => blocked.setTimeout(callback, delay),
      clearTimeout: (id) => blocked.clearTimeout(id),
      ...(has && { monotonic: () => (reads++, blocked.monotonic()) }),
    };
    if (!has) performance.now = () => (reads++, blocked.monotonic());
    try {
      const node = new Node(new MemoryStore({ clock }), { clock });
      node.page("visit", (request) => request.getSession().uid);
      await node.get("visit");
      node.site.sessions.forEach((session) => session.expire());
      assertEquals(node.reasons, ["logout"]);
      assertGreater(reads, 0);
      const closing = node.site.close();
      await blocked.pass(1000);
      await closing;
    } finally {
      performance.now = now;
    }
  }
});

Deno.test("TestClock.monotonic() is what a TestSite measures leases by", async () => {
  class DelayedClock extends TestClock {
    delay = 0;
    override monotonic(): number {
      return super.monotonic() + this.delay;
    }
  }
  const clock = new DelayedClock();
  await clock.advance(5);
  assertEquals(clock.monotonic(), 5000);
  const store = new MemoryStore({ clock });
  let renewals = 0;
  const { renew } = store;
  store.renew = (...args) => (renewals++, renew.apply(store, args));
  await using test = new TestSite(
    new Leaf((request) => request.getSession().uid),
    { clock, store, sessionTimeout: 60, endLease: 10 },
  );
  test.site.notifyOnSessionEnd(() => void (clock.delay += 6000));
  for (let i = 0; i < 2; i++) await test.visitor().fetch("/");
  await test.advance(60);
  assertEquals(test.ends.length, 2);
  assertGreater(renewals, 0);
});

for (const tries of [1, 2]) {
  testWith(
    ["net"],
    `Site answers requests between two ends whose callbacks block at try ${tries}`,
    async () => {
      await using node = new Node(new MemoryStore(), { sessionTimeout: 0.5 });
      node.page("visit", (request) => request.getSession().uid);
      node.page("plain", () => "nothing of a session");
      const count = 20;
      const told = Promise.withResolvers<void>();
      const answer = Promise.withResolvers<number>();
      await using server = Deno.serve(
        { port: 0, onListen: () => {} },
        node.site.fetch,
      );
      let calls = 0;
      node.site.notifyOnSessionEnd(() => {
        const number = ++calls - (tries - 1) * count;
        if (number < 1) throw new Error("try again");
        if (number === 1) {
          fetch(`http://localhost:${server.addr.port}/plain`)
            .then((response) => response.text())
            .then(() => answer.resolve(calls), answer.reject);
        }
        if (number === count) told.resolve();
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
      });
      for (let i = 0; i < count; i++) await node.get("visit");
      // What waits for the deadline keeps no process alive.
      const awake = setInterval(() => {}, 1000);
      assertLess(await answer.promise, tries * count);
      await told.promise;
      clearInterval(awake);
    },
  );
}

Deno.test("Sessions refuses a storeTimeout that is not less than the endLease", () => {
  for (
    const options of [
      { storeTimeout: 20, endLease: 2 },
      { storeTimeout: 2, endLease: 2 },
      { storeTimeout: 10 },
      { storeTimeout: Infinity },
    ]
  ) {
    for (const store of [undefined, new MemoryStore()]) {
      assertThrows(
        () => new Node(store, options),
        RangeError,
        "storeTimeout is not less than endLease",
      );
    }
  }
});

Deno.test("Sessions takes half of a short endLease as its storeTimeout", async () => {
  await using node = new Node(new MemoryStore(), { endLease: 0.1 });
  assertEquals(node.errors, []);
});

Deno.test("Site tells an end once though the store was away for most of the lease after the callback", async () => {
  using time = new FakeTime();
  const memory = asynchronous(new MemoryStore());
  // A store of other processes: only polls find that it answers again.
  const quiet = new BentStore(memory);
  quiet.bends.watch = () => () => {};
  const broken = new BrokenStore(quiet.store);
  await using first = new Node(broken.store, { sessionTimeout: 2 })
    .page("visit", (request) => request.getSession().uid);
  await first.get("visit");
  first.site.notifyOnSessionEnd(() => void (broken.how = "throws"));
  await pass(time, 2500);
  const told = first.ends.length;
  await using second = new Node(memory, { sessionTimeout: 2 });
  await pass(time, LEASE - 2500);
  broken.how = "works";
  await pass(time, LEASE);
  assertEquals([told, first.ends.length, second.ends.length], [1, 1, 0]);
});

Deno.test("A lease is renewed again at once when a renewal gets no answer", async () => {
  const clock = new TestClock();
  const bent = new BentStore(asynchronous(new MemoryStore({ clock })));
  const wait = (ms: number) =>
    new Promise<void>((resolve) => void clock.setTimeout(resolve, ms));
  bent.bends.renew = () => {
    // Each later one is on its way for a while.
    bent.bends.renew = async (act, ...args) => {
      await wait(100);
      return act(...args);
    };
    return new Promise(() => {});
  };
  const options = { clock, sessionTimeout: 5, endLease: 4, storeTimeout: 1.5 };
  const told: string[] = [];
  const start = (name: string, store: SessionStore) => {
    const node = new Node(store, options);
    node.site.notifyOnSessionEnd(() => {
      told.push(name);
      return wait(9000);
    });
    return node.page("visit", (request) => request.getSession().uid);
  };
  await using one = start("one", bent.store);
  await (await one.get("visit")).body?.cancel();
  await clock.advance(5.5);
  assertEquals(told, ["one"]);
  await using other = start("other", asynchronous(bent.inner));
  await clock.advance(20);
  assertEquals(told, ["one"]);
  assertEquals(other.errors, []);
});

Deno.test("Site.close() releases an end whose callback has failed, and which has been told, though the store does not answer another call", async () => {
  const clock = new TestClock();
  const inner = new MemoryStore({ clock });
  const bent = new BentStore(asynchronous(inner));
  const options = { clock, sessionTimeout: 60 };
  const one = new Node(bent.store, options);
  const gate = Promise.withResolvers<void>();
  one.site.onEnd("free seat", () => gate.promise);
  one.page("book", (request) => {
    request.getSession().notifyOnExpire("free seat", 7);
    return "";
  }).page("leave", (request) => {
    request.logOut();
    return "";
  });
  const cookie = cookieOf(await one.get("book"));
  await one.get("leave", cookie);
  await clock.advance(0.1);
  assertEquals(one.reasons, ["logout"]);
  bent.bends.load = () => new Promise(() => {});
  const other = one.get("book", `${cookie.slice(0, -64)}${"0".repeat(64)}`);
  const closing = one.site.close();
  await clock.advance(3);
  assertEquals((await other).status, 503);
  gate.reject(new Error("no seat"));
  await closing;
  let freed = 0;
  await using next = new Node(asynchronous(inner), options);
  next.site.onEnd("free seat", () => void freed++);
  // Less than a lease.
  await clock.advance(3);
  assertEquals([freed, next.reasons], [1, []]);
});

Deno.test("Site.close() waits for the callbacks of an end that it has written last", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  const one = new Node(bent.store);
  await using other = new Node(bent.inner);
  let told = 0;
  one.site.notifyOnSessionEnd(async () => {
    await after(200);
    told++;
  });
  one.page("visit", (request) => request.getSession().uid);
  const uid = await (await one.get("visit")).text();
  await pass(time, 100);
  bent.bends.end = async (act, ...args) => {
    await after(300);
    return await act(...args);
  };
  one.site.sessions.get(uid)!.expire();
  const closing = one.site.close();
  await pass(time, 1000);
  await closing;
  assertEquals(told, 1);
  await pass(time, 15_000);
  assertEquals([one.reasons, other.reasons], [["logout"], []]);
});
