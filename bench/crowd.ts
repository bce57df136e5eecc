/**
 * Measures the ends of a batch of sessions: whether each ends once and none early,
 * how late they end, and how long they block the event loop.
 *
 *     deno task bench:crowd [count] [rounds]
 *
 * Each round makes the sessions on a new site, touches each once in random order,
 * and waits for their ends. In "spread" they end over five seconds, in "at once" in
 * one millisecond. "idle" measures the stalls while no session ends.
 *
 * @module
 */

import process from "node:process";
import { Resource, Session, type SessionSite, Site } from "../mod.ts";
import { shuffle } from "./shuffle.ts";
import { sleep, watchStalls } from "./stalls.ts";
import { printTable, spanOf } from "./table.ts";

const COUNT = countFrom(Deno.args[0] ?? "100000");
const ROUNDS = countFrom(Deno.args[1] ?? (COUNT > 200_000 ? "3" : "5"));

/** Milliseconds over which the ends of a round are spread. */
const SPREAD = 5000;

/** The result of a round; times are milliseconds. */
interface Round {
  missing: number;
  twice: number;
  early: number;
  /** Sorted. */
  lateness: Float64Array;
  /** The longest time between two turns of the event loop during the ends. */
  stall: number;
  /** From the first deadline to the last end. */
  took: number;
  /**
   * CPU time of the process, other threads included. It includes the watch for
   * stalls, so only the value of "at once" is of use.
   */
  cpu: number;
}

/** A session that ends in the time of the spread. */
class OneOfMany extends Session {
  readonly index: number;
  override sessionTimeout: number;

  constructor(site: SessionSite, uid: string) {
    super(site, uid);
    this.index = made++;
    // Whole milliseconds, so that no end is late by a fraction of one.
    this.sessionTimeout = Math.ceil(lead + Math.random() * spread) / 1000;
  }
}

let made = 0;
let spread = SPREAD;

/**
 * Milliseconds from the making of the first session to its end. In that time all
 * sessions are made and touched. 4 us for each suffice on an idle machine; on a
 * busy machine the value grows.
 */
let lead = 500 + COUNT / 250;

/** Runs a round; repeats it with more lead if the first end came too early. */
async function measure(isAtOnce: boolean): Promise<Round> {
  for (;;) {
    const round = await tryToMeasure(isAtOnce);
    if (round !== undefined) return round;
    lead *= 2;
  }
}

async function tryToMeasure(isAtOnce: boolean): Promise<Round | undefined> {
  made = 0;
  spread = isAtOnce ? 0 : SPREAD;
  await using site = new Site(new Resource(), { sessionFactory: OneOfMany });
  const sessions = Array.from({ length: COUNT }, () => site.makeSession());
  shuffle(sessions);

  const deadlines = new Float64Array(COUNT);
  // Later than the first deadlines, so that every touch postpones the end.
  const instant = Date.now() + Math.ceil(lead);
  for (const session of sessions as OneOfMany[]) {
    if (isAtOnce) touchUntil(session, instant);
    else session.touch();
    deadlines[session.index] = deadlineOf(session);
  }
  const first = deadlines.reduce((one, other) => Math.min(one, other));
  if (Date.now() >= first) return undefined;
  // From here on only the site references the sessions, as in a program.
  sessions.length = 0;

  const ends = new Uint8Array(COUNT);
  const lateness = new Float64Array(COUNT);
  let left = COUNT;
  let last = 0;
  const over = Promise.withResolvers<void>();
  site.notifyOnSessionEnd(({ session, at }) => {
    const { index } = session as OneOfMany;
    ends[index]!++;
    last = Math.round(at * 1000);
    lateness[index] = last - deadlines[index]!;
    if (--left === 0) over.resolve();
  });
  // Excludes the garbage collections after the making.
  await sleep(first - Date.now() - 50);
  const stalls = watchStalls();
  const cpu = process.cpuUsage();
  // A session that has not ended by then is missing.
  const timeout = setTimeout(over.resolve, first - Date.now() + 60_000);
  await over.promise;
  clearTimeout(timeout);
  const stall = stalls.stop();
  const { user, system } = process.cpuUsage(cpu);
  // A second end would follow in the next turns.
  await sleep(100);

  return {
    missing: ends.filter((times) => times === 0).length,
    twice: ends.filter((times) => times > 1).length,
    early: lateness.filter((late) => late < 0).length,
    lateness: lateness.sort(),
    stall,
    took: last - first,
    cpu: (user + system) / 1000,
  };
}

/** Touches a session so that it is due at a given millisecond. */
function touchUntil(session: Session, instant: number): void {
  // Repeats the touch if the clock has ticked between the two readings.
  do {
    session.sessionTimeout = Math.max(0, instant - Date.now()) / 1000;
    session.touch();
  } while (deadlineOf(session) !== instant && Date.now() < instant);
}

/** Returns the deadline of a session in UNIX milliseconds. */
function deadlineOf(session: Session): number {
  return Math.round(session.expiresAt * 1000);
}

async function measureIdle(): Promise<number> {
  const stalls = watchStalls();
  await sleep(2000);
  return stalls.stop();
}

function row(name: string, rounds: readonly Round[]): Record<string, unknown> {
  const sum = (pick: (round: Round) => number) =>
    rounds.reduce((total, round) => total + pick(round), 0);
  const quantile = (part: number) =>
    spanOf(
      rounds.map(({ lateness }) => lateness[Math.floor(part * (COUNT - 1))]!),
    );
  return {
    "": name,
    missing: sum(({ missing }) => missing),
    twice: sum(({ twice }) => twice),
    early: sum(({ early }) => early),
    "late min": quantile(0),
    p50: quantile(0.5),
    p99: quantile(0.99),
    max: quantile(1),
    "longest stall": spanOf(rounds.map(({ stall }) => stall)),
    "all took": spanOf(rounds.map(({ took }) => took)),
    "cpu": spanOf(rounds.map(({ cpu }) => cpu), 0),
  };
}

/** @throws {RangeError} If the text is not a whole number above 0. */
function countFrom(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new RangeError(`Cannot make sessions: not a count: "${text}"`);
}

const idle: number[] = [];
const spreadRounds: Round[] = [];
const atOnceRounds: Round[] = [];
for (let round = 0; round < ROUNDS; round++) {
  idle.push(await measureIdle());
  spreadRounds.push(await measure(false));
  atOnceRounds.push(await measure(true));
}
console.log(
  `${
    COUNT.toLocaleString("en")
  } sessions, ${ROUNDS} rounds; ms, min/median/max of the rounds`,
);
printTable([
  row(`spread over ${SPREAD / 1000} s`, spreadRounds),
  row("at once", atOnceRounds),
]);
console.log(`longest stall with nothing to end: ${spanOf(idle)}`);
