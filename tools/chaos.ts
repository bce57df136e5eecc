/**
 * Whether the ends of sessions are told once, on time, none lost and none early,
 * while the processes that serve a site are killed, and the store goes away and
 * comes back.
 *
 *     deno task chaos [redis|sqlite] [--processes=4] [--sessions=20000] [--seconds=150]
 *     deno task chaos races [redis|sqlite] [--races=10000]
 *
 * The first has visitors come to nodes which are processes of their own: they
 * are killed (`kill -9`) and started again; Redis is killed and started again, and
 * the line to it cut. The visitors know by their own clock when they came, and
 * each node writes down what it tells. The second has slow requests write while
 * another node logs the visitor out. All of it is on this machine, and gone at
 * the end. Exits with 1 if something was not as it must be.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type Backend, openSqlite, startRedis } from "./chaos/backend.ts";
import { causeFaults, type FaultOptions } from "./chaos/faults.ts";
import { Fleet } from "./chaos/fleet.ts";
import { describeRaces, race } from "./chaos/races.ts";
import { describeVerdict, judge, type Verdict } from "./chaos/verdict.ts";
import { type Sightings, visit } from "./chaos/visitors.ts";

/** How much chaos; times in seconds. */
export interface ChaosOptions {
  readonly kind: "redis" | "sqlite";
  readonly processes: number;
  /** How many visitors come; some make more sessions than one. */
  readonly sessions: number;
  /** For how long they come. */
  readonly seconds: number;
  readonly sessionTimeout: number;
  readonly endLease: number;
  readonly storeTimeout: number;
  /** In milliseconds. */
  readonly faults: Pick<FaultOptions, "killEvery" | "storeFaultEvery" | "cut">;
}

/** What came of it, and what the nodes complained of. */
export interface Chaos {
  readonly verdict: Verdict;
  readonly complaints: ReadonlyMap<string, number>;
}

/** As the command does it. */
export const DEFAULTS: Omit<ChaosOptions, "kind"> = {
  processes: 4,
  sessions: 20_000,
  seconds: 150,
  sessionTimeout: 10,
  endLease: 10,
  storeTimeout: 2,
  faults: { killEvery: 8000, storeFaultEvery: 22_000, cut: 5000 },
};

/** Seconds that the last ends may be late, on a machine that is busy. */
const PATIENCE = 30;

/** Milliseconds that a callback takes at most. */
const WORK = 10;

/** Causes chaos, and judges what came of it. */
export async function chaos(options: ChaosOptions): Promise<Chaos> {
  const { kind, processes, seconds, sessionTimeout, endLease } = options;
  return await withFleet(options, async (fleet, backend) => {
    const sightings: Sightings = {
      stays: new Map(),
      answered: 0,
      refused: 0,
      unanswered: 0,
      wrongs: [],
    };
    const lasting = seconds * 1000;
    const [faults] = await Promise.all([
      causeFaults({ ...options.faults, processes, lasting }, {
        fleet,
        backend,
      }),
      visit({
        visitors: options.sessions,
        within: Math.max(lasting - 2 * sessionTimeout * 1000, lasting / 2),
        sessionTimeout: sessionTimeout * 1000,
        origins: () => fleet.origins,
      }, sightings),
    ]);
    // What was claimed by a node that was killed comes a lease later.
    const waiting = sessionTimeout + 2 * endLease + PATIENCE;
    const latest = Date.now() + waiting * 1000;
    let left = await backend.countSessions();
    while (left > 0 && Date.now() < latest) {
      await pause(200);
      left = await backend.countSessions();
    }
    await pause(2 * WORK);
    const tellers = [...fleet.tellings()].map(([{ killedAt }, tellings]) => ({
      killedAt,
      tellings,
    }));
    const evidence = { sightings, tellers, faults, left };
    return {
      verdict: judge({ ...evidence, sessionTimeout: sessionTimeout * 1000 }),
      complaints: fleet.complaints(),
    };
  }, kind);
}

/** Starts nodes over a store, and stops all of it in the end. */
async function withFleet<T>(
  options: Pick<
    ChaosOptions,
    "processes" | "sessionTimeout" | "endLease" | "storeTimeout"
  >,
  act: (fleet: Fleet, backend: Backend) => Promise<T>,
  kind: "redis" | "sqlite",
): Promise<T> {
  const { processes, sessionTimeout, endLease, storeTimeout } = options;
  const folder = await Deno.makeTempDir({ prefix: "curfew-chaos-" });
  try {
    await using backend = kind === "redis"
      ? await startRedis()
      : openSqlite(folder);
    await using fleet = new Fleet(folder, {
      kind,
      location: backend.location,
      sessionTimeout,
      endLease,
      storeTimeout,
      work: WORK,
    });
    const nodes = Array.from({ length: processes }, (_, node) => node);
    await Promise.all(nodes.map((node) => fleet.start(node)));
    return await act(fleet, backend);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Has so many logouts race with slow requests. */
export async function races(
  kind: "redis" | "sqlite",
  count: number,
): Promise<Awaited<ReturnType<typeof race>>> {
  const options = { ...DEFAULTS, processes: 2 };
  return await withFleet(
    options,
    (fleet, backend) => race({ count, fleet, backend }),
    kind,
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function say(line: string): void {
  console.log(line);
}

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      processes: { type: "string" },
      sessions: { type: "string" },
      seconds: { type: "string" },
      races: { type: "string", default: "10000" },
    },
  });
  const kind = positionals.includes("sqlite") ? "sqlite" : "redis";
  if (positionals.includes("races")) {
    const outcome = await races(kind, Number(values.races));
    say(`${kind}\n${describeRaces(outcome)}`);
    return outcome.isGood;
  }
  const options = {
    ...DEFAULTS,
    kind,
    processes: Number(values.processes ?? (kind === "redis" ? 4 : 3)),
    sessions: Number(values.sessions ?? DEFAULTS.sessions),
    seconds: Number(values.seconds ?? DEFAULTS.seconds),
  } as const;
  const { verdict, complaints } = await chaos(options);
  say(
    `${kind}, ${options.processes} processes, ${options.sessions} visitors in ${options.seconds} s`,
  );
  say(describeVerdict(verdict));
  const worst = [...complaints].sort(([, a], [, b]) => b - a).slice(0, 8);
  if (worst.length > 0) say("What the nodes reported:");
  for (const [line, count] of worst) say(`  ${count} x ${line}`);
  return verdict.isGood;
}

if (import.meta.main) Deno.exit(await main() ? 0 : 1);
