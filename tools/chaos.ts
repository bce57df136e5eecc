/**
 * Tests that the ends of sessions are delivered once and on time, with none lost
 * and none early, while the processes of a site are killed and the store fails.
 *
 *     deno task chaos [redis|cluster|sqlite|postgres] [--processes=4] [--sessions=20000] [--seconds=150]
 *     deno task chaos races [redis|cluster|sqlite|postgres] [--races=10000]
 *     deno task chaos seats [redis|cluster|sqlite|postgres] [--races=10000]
 *
 * The first command sends requests to nodes, each a process. Nodes are killed
 * (`kill -9`) and started again. Redis or Postgres is killed and started again, and
 * its connections are cut; in a cluster of Redis replicas take over from primaries
 * that are killed or frozen. The clients record their requests by their own clock, and
 * each node logs its deliveries. The second command lets slow requests write while
 * another node ends their session. In the third one two buyers at two nodes race for
 * each seat, which a hold protects, while nodes are killed. All programs run on this machine, and their
 * files are removed at the end. Exits with 1 after an error.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { oneOf, reportWrongOption, wholeNumber } from "./command_options.ts";
import {
  type Backend,
  type BackendKind,
  BACKENDS,
  openBackend,
} from "./chaos/backend.ts";
import { causeFaults, type FaultOptions } from "./chaos/faults.ts";
import { Fleet } from "./chaos/fleet.ts";
import { describeRaces, race } from "./chaos/races.ts";
import { describeSeats, raceForSeats, type SeatRaces } from "./chaos/seats.ts";
import { describeVerdict } from "./chaos/describe_verdict.ts";
import { judge, type Verdict } from "./chaos/verdict.ts";
import { type Observations, runClients } from "./chaos/clients.ts";

/** The options of a run; times in seconds. */
export interface ChaosOptions {
  readonly kind: BackendKind;
  readonly processes: number;
  /** The number of clients; some get several sessions. */
  readonly sessions: number;
  /** The time in which clients begin. */
  readonly seconds: number;
  readonly sessionTimeout: number;
  readonly endLease: number;
  readonly storeTimeout: number;
  /** Milliseconds. */
  readonly faults: Pick<
    FaultOptions,
    "killEvery" | "storeFaultEvery" | "storeFaultFor"
  >;
}

/** The result of a run, and the errors that the nodes reported. */
export interface Chaos {
  readonly verdict: Verdict;
  readonly errorCounts: ReadonlyMap<string, number>;
}

/** The options of the command. */
export const DEFAULTS: Omit<ChaosOptions, "kind"> = {
  processes: 4,
  sessions: 20_000,
  seconds: 150,
  sessionTimeout: 10,
  endLease: 10,
  storeTimeout: 2,
  faults: { killEvery: 8000, storeFaultEvery: 22_000, storeFaultFor: 5000 },
};

/** Seconds that the last ends may be late, on a busy machine. */
const LONGEST_WAIT = 30;

/** The longest run of a callback, in milliseconds. */
const WORK = 10;

/** Runs clients and causes faults, and judges the result. */
export async function chaos(options: ChaosOptions): Promise<Chaos> {
  const { kind, processes, seconds, sessionTimeout, endLease } = options;
  return await withFleet(options, async (fleet, backend) => {
    const observations: Observations = {
      seen: new Map(),
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
      runClients({
        clients: options.sessions,
        within: Math.max(lasting - 2 * sessionTimeout * 1000, lasting / 2),
        sessionTimeout: sessionTimeout * 1000,
        origins: () => fleet.origins,
      }, observations),
    ]);
    // An end that a killed node had claimed is delivered a lease later.
    const waiting = sessionTimeout + 2 * endLease + LONGEST_WAIT;
    const latest = Date.now() + waiting * 1000;
    let left = await backend.countSessions();
    while (left > 0 && Date.now() < latest) {
      await pause(200);
      left = await backend.countSessions();
    }
    await pause(2 * WORK);
    const logs = [...fleet.deliveries()].map(([{ killedAt }, deliveries]) => ({
      killedAt,
      deliveries,
    }));
    const evidence = { observations, logs, faults, left };
    return {
      verdict: judge({ ...evidence, sessionTimeout: sessionTimeout * 1000 }),
      errorCounts: fleet.errorCounts(),
    };
  }, kind);
}

/** Starts a store and nodes, calls `act`, and stops them. */
async function withFleet<T>(
  options: Pick<
    ChaosOptions,
    "processes" | "sessionTimeout" | "endLease" | "storeTimeout"
  >,
  act: (fleet: Fleet, backend: Backend, folder: string) => Promise<T>,
  kind: BackendKind,
): Promise<T> {
  const { processes, sessionTimeout, endLease, storeTimeout } = options;
  const folder = await Deno.makeTempDir({ prefix: "curfew-chaos-" });
  try {
    await using backend = await openBackend(kind, folder);
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
    return await act(fleet, backend, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs races between slow requests and logouts. */
export async function races(
  kind: BackendKind,
  count: number,
): Promise<Awaited<ReturnType<typeof race>>> {
  const options = { ...DEFAULTS, processes: 2 };
  return await withFleet(
    options,
    (fleet, backend) => race({ count, fleet, backend }),
    kind,
  );
}

/** Runs races between the buyers of seats. */
export async function seats(
  kind: BackendKind,
  options: { readonly count: number; readonly killEvery: number },
): Promise<SeatRaces> {
  return await withFleet(
    { ...DEFAULTS, processes: 3, sessionTimeout: 8, endLease: 4 },
    (fleet, backend, folder) =>
      raceForSeats({ ...options, folder, fleet, backend }),
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
  const words = [...BACKENDS, "races", "seats"] as const;
  for (const word of positionals) oneOf("the kind of chaos", word, words);
  const kind = BACKENDS.find((kind) => positionals.includes(kind)) ?? "redis";
  const count = wholeNumber("--races", values.races);
  if (positionals.includes("races")) {
    const outcome = await races(kind, count);
    say(`${kind}\n${describeRaces(outcome)}`);
    return outcome.isGood;
  }
  if (positionals.includes("seats")) {
    const outcome = await seats(kind, { count, killEvery: 3000 });
    say(`${kind}\n${describeSeats(outcome)}`);
    return outcome.isGood;
  }
  const options = {
    ...DEFAULTS,
    kind,
    processes: wholeNumber(
      "--processes",
      values.processes ?? (kind === "sqlite" ? "3" : "4"),
    ),
    sessions: wholeNumber(
      "--sessions",
      values.sessions ?? `${DEFAULTS.sessions}`,
    ),
    seconds: wholeNumber("--seconds", values.seconds ?? `${DEFAULTS.seconds}`),
  } as const;
  const { verdict, errorCounts } = await chaos(options);
  say(
    `${kind}, ${options.processes} processes, ${options.sessions} clients in ${options.seconds} s`,
  );
  say(describeVerdict(verdict));
  const worst = [...errorCounts].sort(([, a], [, b]) => b - a).slice(0, 8);
  if (worst.length > 0) say("Errors of the nodes:");
  for (const [line, count] of worst) say(`  ${count} x ${line}`);
  return verdict.isGood;
}

if (import.meta.main) {
  const isGood = await main().catch((error) => {
    reportWrongOption("run chaos", error);
    return false;
  });
  Deno.exit(isGood ? 0 : 1);
}
