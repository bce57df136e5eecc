/**
 * Measures a fleet: processes that share a million sessions, visits to any of them,
 * and sessions that end meanwhile.
 *
 *     deno task bench:fleet [--store=redis-cluster] [--processes=8]
 *       [--sessions=1000000] [--visits=2000] [--ends=1000] [--seconds=30] [--writes=0.1]
 *
 * Starts the store on this machine: a Redis Cluster of three primaries
 * (`redis-cluster`), one Redis (`redis`), `postgres`, or a file (`sqlite`). `memory`
 * has no store: each process has sessions of its own. All of it ends with the program,
 * by Ctrl+C too.
 *
 * Four phases follow, of so many seconds each: polls alone, visits alone, ends alone,
 * and both. So the cost of a visit and that of an end can be told apart. A visit is
 * one request without its HTTP; a share of them (`--writes`) sets a value. Its time
 * counts from when it was due. A visit or an end later than a second is not held.
 *
 * Processes and nodes of Redis are pinned to the CPUs by turns, and the processes give
 * way to the store, where `taskset` and `renice` are there.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { atLeast } from "../flags.ts";
import { describeMachine } from "../machine.ts";
import { printTable } from "../table.ts";
import { difference, readLoad, usedBetween } from "./load.ts";
import { type Member, pin, startMembers } from "./members.ts";
import {
  costsOf,
  countEnds,
  loadOf,
  type Outcome,
  type Phase,
  timesOf,
  verdictOn,
} from "./report.ts";
import { type Kind, KINDS, type Servers, startServers } from "./servers.ts";
import type { Ends, Visits } from "./worker.ts";

/** Sessions that are made at once, so that the machine is not flooded. */
const BATCH = 20_000;

/** The sessions that a second makes at least, before they end. */
const MADE_PER_SECOND = 1500;

/** Milliseconds before the first end. */
const LEAD = 2000;

/** Milliseconds after the last deadline in which all ends are told: a lease is 10 s. */
const PATIENCE = 15_000;

/** Milliseconds in which a store that is starting can be stopped. */
const STOPPING = 10_000;

/** The most errors that are printed. */
const MOST_ERRORS = 5;

const { values } = parseArgs({
  args: Deno.args,
  options: {
    store: { type: "string", default: "redis-cluster" },
    processes: { type: "string", default: "8" },
    sessions: { type: "string", default: "1000000" },
    visits: { type: "string", default: "2000" },
    ends: { type: "string", default: "1000" },
    seconds: { type: "string", default: "30" },
    writes: { type: "string", default: "0.1" },
  },
});
const kind = values.store as Kind;
if (!KINDS.includes(kind)) {
  throw new RangeError(
    `Cannot use --store: not one of ${KINDS.join(", ")}: "${values.store}"`,
  );
}
const plan = {
  processes: atLeast(1, "processes", values.processes),
  sessions: atLeast(1, "sessions", values.sessions),
  visits: atLeast(1, "visits", values.visits),
  ends: atLeast(1, "ends", values.ends),
  seconds: atLeast(1, "seconds", values.seconds),
  writes: atLeast(0, "writes", values.writes),
};

/** Numbers the sessions that end; those that last come before. */
let nextNumber = plan.sessions;

/** What has to be stopped. The store may still be starting. */
const starting = startServers(kind, plan.processes);
const running: Member[] = [];

async function stop(): Promise<void> {
  await Promise.all(running.map((member) => member.kill()));
  const servers = await Promise.race([
    starting.catch(() => undefined),
    // One that hangs at its start must not keep the program.
    pause(STOPPING).then(() => undefined),
  ]);
  await servers?.[Symbol.asyncDispose]();
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    stop().finally(() => Deno.exit(130));
  });
}

try {
  await measure(await starting);
} finally {
  await stop();
}
Deno.exit();

async function measure(servers: Servers): Promise<void> {
  const members = await startMembers(
    plan.processes,
    [kind, ...servers.args],
    (member) => running.push(member),
  );
  await pin(
    servers.programs.filter(({ hasOneThread }) => hasOneThread)
      .map(({ pid }) => pid),
    0,
  );
  await pin(members.map(({ pid }) => pid), 5);
  await fill(servers, members);
  const { visits, ends, seconds } = plan;
  // Connections are opened and code is compiled before what counts.
  const warmUp = { visits, ends: 0, seconds: Math.min(5, seconds) };
  await run({ name: "warm-up", ...warmUp }, servers, members);
  const phases: Phase[] = [
    { name: "polls", visits: 0, ends: 0, seconds: Math.min(10, seconds) },
    { name: "visits", visits, ends: 0, seconds },
    { name: "ends", visits: 0, ends, seconds },
    { name: "both", visits, ends, seconds },
  ];
  const outcomes: Outcome[] = [];
  for (const phase of phases) {
    console.error(`${phase.name} ...`);
    outcomes.push(await run(phase, servers, members));
  }
  const names = members.map(({ name }) => name);
  console.log(
    `\n${kind}: ${
      plan.sessions.toLocaleString("en")
    } sessions, ${plan.processes} processes, ${visits} visits and ${ends} ends a second for ${seconds} s, ${
      100 * plan.writes
    } % of the visits write\n`,
  );
  printTable(outcomes.slice(1).map(timesOf));
  console.log();
  const costs = outcomes.flatMap(costsOf);
  if (costs.length > 0) {
    printTable(costs);
    console.log();
  }
  printTable(outcomes.map((outcome) => loadOf(outcome, names)));
  console.log();
  for (const outcome of outcomes.slice(1)) console.log(verdictOn(outcome));
  const errors = new Set(outcomes.flatMap(({ errors }) => errors));
  for (const error of [...errors].slice(0, MOST_ERRORS)) {
    console.log(`Reported: ${error}`);
  }
  if (errors.size > MOST_ERRORS) {
    console.log(`Reported: ${errors.size - MOST_ERRORS} more`);
  }
  console.log(
    `Measured on ${await describeMachine()}; the load of the machine was ${
      Deno.loadavg()[0]!.toFixed(1)
    }`,
  );
  await Promise.all(members.map((member) => member.order({ do: "stop" })));
}

async function fill(
  servers: Servers,
  members: readonly Member[],
): Promise<void> {
  const begin = performance.now();
  if (servers.fill !== undefined) await servers.fill(plan.sessions);
  else {
    const fillers = members.slice(0, servers.fillers);
    for (let made = 0; made < plan.sessions;) {
      const batch = Math.min(BATCH, plan.sessions - made);
      const each = Math.ceil(batch / fillers.length);
      await Promise.all(fillers.map((member, index) => {
        const from = made + index * each;
        const count = Math.min(each, made + batch - from);
        return count <= 0
          ? undefined
          : member.order({ do: "fill", from, count });
      }));
      made += batch;
    }
  }
  const seconds = (performance.now() - begin) / 1000;
  console.log(
    `${plan.sessions.toLocaleString("en")} sessions made in ${
      seconds.toFixed(0)
    } s ${await servers.describe()}`.trim(),
  );
}

async function run(
  phase: Phase,
  servers: Servers,
  members: readonly Member[],
): Promise<Outcome> {
  const { visits: rate, ends: endRate, seconds } = phase;
  const { sessions, writes } = plan;
  const count = Math.round(endRate * seconds / members.length);
  const lead = LEAD + endRate * seconds / MADE_PER_SECOND * 1000;
  const first = Date.now() + lead;
  const step = seconds * 1000 / count;
  if (count > 0) {
    await Promise.all(members.map((member, index) => {
      const from = nextNumber + index * count;
      // One after another, not all processes at once.
      const own = first + index * step / members.length;
      return member.order({ do: "make", from, count, first: own, step });
    }));
    nextNumber += members.length * count;
    if (Date.now() > first) {
      throw new Error(
        "Cannot measure: sessions are made too slowly: lower --ends",
      );
    }
  }
  // Some counters take a while.
  const counted = await servers.count();
  await pause(first - Date.now());
  const before = await readLoad(servers, members);
  const begin = Date.now();
  const visited = rate === 0 ? [] : await Promise.all(
    members.map((member) =>
      member.order<Visits>({
        do: "visit",
        rate: rate / members.length,
        seconds,
        sessions,
        writes,
      })
    ),
  );
  await pause(begin + seconds * 1000 - Date.now());
  const after = await readLoad(servers, members);
  const counters = difference(counted, await servers.count());
  const reports: Ends[] = [];
  const latest = Date.now() + PATIENCE;
  for (;;) {
    for (const member of members) {
      reports.push(await member.order<Ends>({ do: "report" }));
    }
    if (countEnds(reports).lost === 0 || Date.now() > latest) break;
    await pause(500);
  }
  if (count > 0) {
    // An end may be told twice.
    await pause(1000);
    for (const member of members) {
      reports.push(await member.order<Ends>({ do: "report" }));
    }
  }
  return {
    phase,
    used: { ...usedBetween(before, after), counters },
    visits: {
      took: visited.flatMap(({ took }) => took),
      failed: visited.reduce((sum, { failed }) => sum + failed, 0),
    },
    ends: countEnds(reports),
    errors: reports.flatMap(({ errors }) => errors),
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) =>
    setTimeout(resolve, Math.max(0, milliseconds))
  );
}
