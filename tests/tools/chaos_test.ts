// Chaos for a few seconds: `deno task chaos` has it for minutes.

import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { chaos, type ChaosOptions, races, seats } from "../../tools/chaos.ts";
import type { BackendKind } from "../../tools/chaos/backend.ts";
import { Proxy } from "../../tools/chaos/proxy.ts";
import type { Delivery } from "../../tools/chaos/reports.ts";
import type { SeatAct } from "../../tools/chaos/seat_sale.ts";
import { judgeSeat } from "../../tools/chaos/seats.ts";
import { SeenSession } from "../../tools/chaos/seen_session.ts";
import {
  type Evidence,
  judge,
  type Verdict,
} from "../../tools/chaos/verdict.ts";
import { testWith } from "../helpers_process.ts";
import { testWithPostgres } from "../helpers_postgres.ts";
import { testWithRedis } from "../helpers_redis.ts";

const SOME: Omit<ChaosOptions, "kind"> = {
  processes: 2,
  sessions: 300,
  seconds: 8,
  sessionTimeout: 3,
  // Longer than a stall of the machine, after which another node would deliver again.
  endLease: 8,
  storeTimeout: 0.5,
  faults: { killEvery: 2500, storeFaultEvery: 2000, storeFaultFor: 800 },
};

const PERMISSIONS = ["net", "read", "write", "run", "env", "sys"] as const;

async function assertPromise(
  kind: BackendKind,
  storeFaultEvery = SOME.faults.storeFaultEvery,
): Promise<Verdict> {
  const faults = { ...SOME.faults, storeFaultEvery };
  const { verdict } = await chaos({ ...SOME, kind, faults });
  const { lost, early, unexcused, revived, wrongs } = verdict;
  assertEquals({ lost, early, unexcused, revived, wrongs }, {
    lost: [],
    early: [],
    unexcused: [],
    revived: [],
    wrongs: [],
  });
  // Several hundred, unless the machine is very slow.
  assertGreater(verdict.made, 50);
  assertGreater(verdict.faults.kill, 0);
  return verdict;
}

testWithRedis(
  "Site over a RedisStore delivers each end once and on time, through kills, restarts and cuts",
  async () => void await assertPromise("redis"),
);

testWithRedis(
  "Site over a Redis Cluster delivers each end once and on time, through kills, frozen primaries and failovers",
  async () => {
    const { faults } = await assertPromise("cluster", 1500);
    assertGreater(faults.freeze, 0);
    assertGreater(faults.failover, 0);
  },
);

testWith(
  PERMISSIONS,
  "Site over a SqliteStore delivers each end once and on time, though processes are killed",
  async () => void await assertPromise("sqlite"),
);

testWithPostgres(
  "Site over a PostgresStore delivers each end once and on time, through kills, restarts and cuts",
  async () => void await assertPromise("postgres"),
);

testWithPostgres(
  "Site over a PostgresStore undoes no logout by a slow request, in 200 races",
  async () => {
    const { revived, isGood } = await races("postgres", 200);
    assertEquals({ revived, isGood }, { revived: 0, isGood: true });
  },
);

testWithRedis(
  "Site over a RedisStore undoes no logout by a slow request, in 200 races",
  async () => {
    const { revived, isGood } = await races("redis", 200);
    assertEquals({ revived, isGood }, { revived: 0, isGood: true });
  },
);

testWith(
  PERMISSIONS,
  "Site over a SqliteStore undoes no logout by a slow request, in 200 races",
  async () => {
    const { revived, isGood } = await races("sqlite", 200);
    assertEquals({ revived, isGood }, { revived: 0, isGood: true });
  },
);

/** Buyers race for some seats, while nodes are killed. */
async function assertSeats(kind: BackendKind): Promise<void> {
  const races = await seats(kind, { count: 150, killEvery: 1500 });
  const { doubleSales, lost, wronglyFreed, wrongFences, isGood } = races;
  assertEquals({ doubleSales, lost, wronglyFreed, wrongFences, isGood }, {
    doubleSales: 0,
    lost: 0,
    wronglyFreed: 0,
    wrongFences: 0,
    isGood: true,
  });
  assertGreater(races.freed, 0);
}

testWithRedis(
  "Session.hold() over a RedisStore sells each seat once, though nodes are killed",
  () => assertSeats("redis"),
);

testWith(
  PERMISSIONS,
  "Session.hold() over a SqliteStore sells each seat once, though nodes are killed",
  () => assertSeats("sqlite"),
);

testWithPostgres(
  "Session.hold() over a PostgresStore sells each seat once, though nodes are killed",
  () => assertSeats("postgres"),
);

/** What is found in the file of a seat. */
function judgedSeat(text: string) {
  const races = {
    doubleSales: 0,
    lost: 0,
    wronglyFreed: 0,
    wrongFences: 0,
    freedTwice: 0,
    freed: 0,
  };
  const lines = text.split(", ").map((line) => {
    const [act, fence] = line.split(" ");
    return { act: act as SeatAct, fence: Number(fence) };
  });
  judgeSeat(lines, races);
  return races;
}

Deno.test("judgeSeat() finds each thing that is wrong with a seat", () => {
  const good = judgedSeat("held 1, free 1, held 3, sold 3, released 3");
  assertEquals(good, {
    doubleSales: 0,
    lost: 0,
    wronglyFreed: 0,
    wrongFences: 0,
    freedTwice: 0,
    freed: 1,
  });
  assertEquals(judgedSeat("held 1, free 1").lost, 1);
  assertEquals(judgedSeat("held 1, sold 1, sold 2").doubleSales, 1);
  assertEquals(judgedSeat("held 2, sold 2, held 1").wrongFences, 1);
  assertEquals(judgedSeat("held 2, held 3, free 2").wronglyFreed, 1);
  assertEquals(judgedSeat("held 2, released 2, free 2").wronglyFreed, 1);
  assertEquals(judgedSeat("held 2, free 2, free 2").freedTwice, 1);
});

/** A client at 1000 with a timeout of 10 s, and the deliveries of the end. */
function evidenceOf(
  ...logs: { killedAt?: number; delivery: Partial<Delivery> }[]
): Evidence {
  const stay = new SeenSession("a", { sentAt: 1000, answeredAt: 1010 });
  return {
    observations: {
      seen: new Map([["a", stay]]),
      answered: 1,
      refused: 0,
      unanswered: 0,
      wrongs: [],
    },
    logs: logs.map(({ killedAt, delivery }) => ({
      killedAt,
      deliveries: [{
        uid: "a",
        reason: "idle",
        beganAt: 11_005,
        doneAt: 11_010,
        endedAt: 11_002,
        count: 0,
        ...delivery,
      }],
    })),
    faults: [],
    sessionTimeout: 10_000,
    left: 0,
  };
}

Deno.test("judge() measures the lateness of an end that was delivered once", () => {
  const { isGood, overall } = judge(evidenceOf({ delivery: {} }));
  assertEquals(isGood, true);
  assertEquals(overall, { count: 1, p50: 3, p99: 3, max: 3 });
});

Deno.test("judge() finds ends that were not delivered, or not finished", () => {
  assertEquals(judge(evidenceOf()).lost.length, 1);
  const begun = judge(evidenceOf({ delivery: { doneAt: undefined } }));
  assertEquals(begun.lost.length, 1);
  assertEquals(begun.isGood, false);
});

Deno.test("judge() finds an end that was delivered before its deadline", () => {
  const { early, isGood } = judge(
    evidenceOf({ delivery: { beganAt: 10_999 } }),
  );
  assertMatch(early[0]!, /delivered 1 ms before its deadline/);
  assertEquals(isGood, false);
});

Deno.test("judge() excuses an end delivered twice only if its node was killed", () => {
  const again = { delivery: { beganAt: 21_010, doneAt: 21_015 } };
  const twice = judge(evidenceOf({ delivery: {} }, again));
  assertEquals(twice.unexcused.length, 1);
  const killed = judge(evidenceOf({ killedAt: 11_020, delivery: {} }, again));
  const faults = [{ kind: "failover", from: 11_006, to: 15_000 }] as const;
  const away = judge({ ...evidenceOf({ delivery: {} }, again), faults });
  assertMatch(away.unexcused[0]!, /failover from 1 to 3995 ms after the first/);
  assertEquals(killed.unexcused, []);
  assertEquals(killed.doubles.length, 1);
  // By then it had been acknowledged long since.
  const late = judge(evidenceOf({ killedAt: 20_000, delivery: {} }, again));
  assertEquals(late.unexcused.length, 1);
});

testWith(
  ["net"],
  "Proxy holds back bytes during silence, and closes connections by a break",
  async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await using proxy = new Proxy(listener.addr.port);
    const address = { hostname: "127.0.0.1", port: proxy.port };
    using client = await Deno.connect(address);
    using server = await listener.accept();
    const buffer = new Uint8Array(1);
    proxy.cut("silence");
    await client.write(new Uint8Array([7]));
    let hasArrived = false;
    const read = server.read(buffer).then(() => void (hasArrived = true));
    // Bytes on another connection arrive long before.
    using other = await Deno.connect({
      hostname: "127.0.0.1",
      port: listener.addr.port,
    });
    (await listener.accept()).close();
    await other.read(new Uint8Array(1));
    assertEquals(hasArrived, false);
    proxy.mend();
    await read;
    assertEquals(buffer, new Uint8Array([7]));
    proxy.cut("break");
    assertEquals(await server.read(buffer), null);
  },
);
