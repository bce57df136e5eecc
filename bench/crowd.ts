/**
 * How the ends of a crowd of sessions come: once each, never early, how late,
 * and how long they hold up everything else.
 *
 *     deno task bench:crowd [count] [rounds]
 *
 * Each round makes the sessions on a new site, touches each once in random
 * order, and leaves them. "spread" lets them end over five seconds, "at once"
 * in one millisecond; "idle" measures the stalls while nothing ends.
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

/** What a round has found; times are milliseconds. */
interface Round {
  missing: number;
  twice: number;
  early: number;
  /** Sorted. */
  lateness: Float64Array;
  /** The longest time between two turns of the event loop while they ended. */
  stall: number;
  /** From the first deadline to the last end. */
  took: number;
  /**
   * What the process computed meanwhile, other threads included; the watching
   * for stalls too, so that it says something only where all end at once.
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
 * Milliseconds from the making of a session to its end at the earliest: the
 * others are made and touched meanwhile. 4 us each are enough on an idle
 * machine; on a busy one it grows.
 */
let lead = 500 + COUNT / 250;

/** One round; if the first end came before all was ready, with more lead. */
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
  // Later than the first deadlines, so that every touch puts the end off.
  const instant = Date.now() + Math.ceil(lead);
  for (const session of sessions as OneOfMany[]) {
    if (isAtOnce) touchUntil(session, instant);
    else session.touch();
    deadlines[session.index] = deadlineOf(session);
  }
  const first = deadlines.reduce((one, other) => Math.min(one, other));
  if (Date.now() >= first) return undefined;
  // The sessions are the site's alone from here on, as they would be.
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
  // Not the stalls of cleaning up after the making, long before.
  await sleep(first - Date.now() - 50);
  const stalls = watchStalls();
  const cpu = process.cpuUsage();
  // What has not ended by then is missing.
  const patience = setTimeout(over.resolve, first - Date.now() + 60_000);
  await over.promise;
  clearTimeout(patience);
  const stall = stalls.stop();
  const { user, system } = process.cpuUsage(cpu);
  // A second end would come in the turns after the first.
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
  // Once more if the clock has ticked between the two looks at it.
  do {
    session.sessionTimeout = Math.max(0, instant - Date.now()) / 1000;
    session.touch();
  } while (deadlineOf(session) !== instant && Date.now() < instant);
}

/** When a session is due, in UNIX milliseconds. */
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

/** @throws {RangeError} If it is not a whole number above 0. */
function countFrom(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new RangeError(`Cannot make a crowd: not a count: "${text}"`);
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
