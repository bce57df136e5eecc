// A cluster of three primaries without replicas, while one of them is away.

import { assert, assertEquals, assertLess } from "@std/assert";
import { Shards } from "../../stores/redis/shards.ts";
import { SOON, TEST_LIMIT } from "../helpers_process.ts";
import {
  RedisCluster,
  type RedisServer,
  testWithRedis,
} from "../helpers_redis.ts";
import { cookieOf, Node } from "../helpers_store.ts";
import {
  type Connect,
  connectIoredisCluster,
  connectIovalkeyCluster,
  connectNodeCluster,
  openStore,
} from "./helpers_redis_store.ts";

const SETTINGS = [
  ...["--appendonly", "yes", "--cluster-require-full-coverage", "no"],
] as const;

const SHARDS = 6;

/** Milliseconds that the primary is away. */
const AWAY = 15_000;

/** Milliseconds in which the site notices that all shards of a node are away. */
const NOTICED = 6000;

/** Seconds: short, so that sessions end all the time. */
const SESSION_TIMEOUT = 3;

const CLIENTS = {
  "npm:redis": connectNodeCluster,
  "npm:ioredis": connectIoredisCluster,
  "npm:iovalkey": connectIovalkeyCluster,
} as const;

/** A visit to a session. */
interface Visit {
  readonly uid: string;
  readonly sentAt: number;
  readonly took: number;
  readonly status: number;
}

/** The visits to a site, and its ends. */
interface Outcome {
  /** The shards that were away. */
  readonly away: ReadonlySet<number>;
  readonly downAt: number;
  readonly upAt: number;
  /** Visits to sessions in shards that stayed. */
  readonly here: readonly Visit[];
  /** Visits to sessions in shards that were away. */
  readonly there: readonly Visit[];
  /** First visits. */
  readonly first: readonly Visit[];
  /** The uids of all sessions that were made. */
  readonly made: ReadonlySet<string>;
  /** Milliseconds by which each end was late, by uid. */
  readonly late: ReadonlyMap<string, readonly number[]>;
  readonly errors: readonly unknown[];
  isThere(uid: string): boolean;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function uidOf(cookie: string): string {
  return cookie.split("=")[1]!.slice(0, 32);
}

/** The time in which a primary is away. */
interface Fault {
  readonly victim: RedisServer;
  /** Called when the clients of a site have their sessions. */
  onReady(): void;
  readonly down: Promise<void>;
  readonly up: Promise<void>;
}

/** Visits a site over a cluster while one of its primaries is away. */
async function visitWhile(
  prefix: string,
  connect: Connect,
  fault: Fault,
): Promise<Outcome> {
  const shards = new Shards(prefix, SHARDS);
  const away = new Set<number>();
  for (const { index, due } of shards.all) {
    const answer = await fault.victim.cli("EXISTS", due);
    if (!answer.startsWith("MOVED")) away.add(index);
  }
  const isThere = (uid: string) => away.has(shards.placeOf(uid).shard.index);
  await using opened = await openStore(connect, { prefix, shards: SHARDS });
  await using node = new Node(opened.store, {
    sessionTimeout: SESSION_TIMEOUT,
  });
  node.page("visit", (request) => request.getSession().uid);
  const late = new Map<string, number[]>();
  node.site.notifyOnSessionEnd(({ uid, at }) => {
    late.set(uid, [...late.get(uid) ?? [], Date.now() - at * 1000]);
  });
  await node.site.ready;

  let isOver = false;
  const visits: Visit[] = [];
  const first: Visit[] = [];
  const made = new Set<string>();
  const visit = async (cookie: string): Promise<Response> => {
    const sentAt = Date.now();
    const response = await node.get("visit", cookie);
    const took = Date.now() - sentAt;
    const { status } = response;
    const text = await response.text();
    if (status === 200) made.add(text);
    if (cookie === "") first.push({ uid: "", sentAt, took, status });
    else visits.push({ uid: uidOf(cookie), sentAt, took, status });
    return response;
  };
  const regular = async (cookie: string) => {
    for (; !isOver; await pause(200)) await visit(cookie);
  };
  const passersBy = async () => {
    const under = [];
    for (; !isOver; await pause(100)) under.push(visit(""));
    await Promise.all(under);
  };
  const cookies = await Promise.all(
    Array.from({ length: 30 }, async () => cookieOf(await visit(""))),
  );
  const all = Promise.all([...cookies.map(regular), passersBy()]);
  fault.onReady();
  await fault.down;
  const downAt = Date.now();
  await fault.up;
  const upAt = Date.now();
  // The site asks the shards again after some seconds.
  await pause(SOON);
  isOver = true;
  await all;
  const isLeft = () => [...made].some((uid) => !late.has(uid));
  for (let tries = 0; isLeft() && tries < 200; tries++) await pause(100);
  return {
    away,
    downAt,
    upAt,
    first,
    made,
    late,
    errors: node.errors,
    isThere,
    here: visits.filter(({ uid }) => !isThere(uid)),
    there: visits.filter(({ uid }) => isThere(uid)),
  };
}

function shareOf200(visits: readonly Visit[]): number {
  return visits.filter(({ status }) => status === 200).length / visits.length;
}

testWithRedis(
  "Sites over a cluster serve and end the sessions of other primaries while one is away",
  async () => {
    await using cluster = await RedisCluster.start({ settings: SETTINGS });
    const victim = cluster.servers[0]!;
    const down = Promise.withResolvers<void>();
    const up = Promise.withResolvers<void>();
    const ready: Promise<void>[] = [];
    const running = Object.entries(CLIENTS).map(async ([name, connect]) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      ready.push(promise);
      const outcome = await visitWhile(
        name.replace(":", "-"),
        () => connect(cluster.servers),
        { victim, onReady: resolve, down: down.promise, up: up.promise },
      );
      return [name, outcome] as const;
    });
    await Promise.all(ready);
    await pause(1000);
    await victim.kill();
    down.resolve();
    await pause(AWAY);
    await victim.restart();
    up.resolve();
    for (const [name, outcome] of await Promise.all(running)) {
      try {
        assertApart(outcome);
      } catch (cause) {
        throw new Error(`The sites over ${name} fail`, { cause });
      }
    }
  },
  // It takes half a minute, and is run again after a stall.
  { timeout: 2 * TEST_LIMIT },
);

function assertApart(outcome: Outcome): void {
  const { away, downAt, upAt, here, there, first, made, late } = outcome;
  assert(away.size > 0 && away.size < SHARDS, `${[...away]}`);
  const within = (from: number, to: number) => ({ sentAt }: Visit) =>
    sentAt >= downAt + from && sentAt < downAt + to;

  // Sessions of the other shards are served in every second.
  let seconds = 0;
  for (let second = 0; second < AWAY / 1000; second++) {
    const visits = here.filter(within(second * 1000, second * 1000 + 1000));
    // The machine may have stalled.
    if (visits.length === 0) continue;
    const share = shareOf200(visits);
    assert(share >= 0.95, `${share} of the visits in second ${second}`);
    seconds++;
  }
  assert(seconds >= AWAY / 1000 - 4, `visits in ${seconds} seconds only`);

  // Sessions of the shards that are away are refused at once.
  const refused = there.filter(within(NOTICED, AWAY));
  assertEquals(new Set(refused.map(({ status }) => status)), new Set([503]));
  const took = refused.map(({ took }) => took).sort((a, b) => a - b);
  assertLess(took[Math.floor(took.length / 2)]!, 1000);
  // New sessions begin in the other shards.
  assert(shareOf200(first.filter(within(NOTICED, AWAY))) >= 0.95);

  // All ends are delivered once, and those of the other shards on time.
  const undelivered = [...made].filter((uid) => !late.has(uid));
  assertEquals(undelivered, []);
  const lateHere: number[] = [];
  for (const [uid, times] of late) {
    assertEquals(
      times.length,
      1,
      `the end of ${uid} was delivered more than once`,
    );
    if (!outcome.isThere(uid)) lateHere.push(times[0]!);
  }
  assert(lateHere.length > 50, `${lateHere.length} ends`);
  assertLess(Math.max(...lateHere), 5000);

  // The shards that were away are served again.
  const later = there.filter(({ sentAt }) => sentAt >= upAt + SOON - 2000);
  assertEquals(new Set(later.map(({ status }) => status)), new Set([200]));

  // Each shard that was away is reported once, and nothing else.
  const errors = outcome.errors.map(String).filter((error) =>
    !/has no replica|sends commands again/.test(error)
  );
  assertEquals(
    errors.sort(),
    [...away].map((index) =>
      `StoreUnavailableError: Cannot reach shard ${index} of the session store`
    ),
  );
}
