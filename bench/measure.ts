/**
 * Measures servers by turns: a baseline, a contender, the baseline, the next
 * contender, the baseline ...
 *
 * Only ratios of neighbours are worth comparing: on a shared machine the same
 * server is half as fast again a minute later.
 *
 * @module
 */

import type { CpuPair } from "./cpus.ts";
import type { Processes, Program } from "./processes.ts";
import { load, type Visit } from "./wrk.ts";

/** A server that takes part. */
export interface Contender {
  readonly name: string;
  /** The program that serves on a port. */
  readonly program: (port: number) => Program;
  /** How many processes share the port, if not one. */
  readonly copies?: number;
  /** Whether it is an error if its headers are not the very ones of the baseline. */
  readonly isTwin?: boolean;
}

/** What the load asks, and what the server has shown that it answers. */
export interface Rehearsal {
  readonly visits: readonly Visit[];
  /** The headers of a response, as far as they can be compared. */
  readonly headers: string;
}

/** One thing that servers do, and those that do it. */
export interface Contest {
  /** One word. */
  readonly name: string;
  /** What is measured, in a sentence without its full stop. */
  readonly title: string;
  readonly baseline: Contender;
  readonly contenders: readonly Contender[];
  /**
   * Asks a server that has just started, and finds out what the load is to ask.
   *
   * @throws {Error} If the answer is not what it should be.
   */
  rehearse(origin: string): Promise<Rehearsal>;
}

/** How to measure. */
export interface Settings {
  readonly rounds: number;
  /** Of each measurement. */
  readonly seconds: number;
  /** Of load before each measurement, for the compiler. */
  readonly warmUpSeconds: number;
  readonly connections: number;
  /** Undefined if servers and wrk may run anywhere. */
  readonly cpus: CpuPair | undefined;
}

/** What one server did in one measurement. */
export interface Sample {
  readonly requestsPerSecond: number;
  /** Of the server's CPU time per request. */
  readonly cpuMicroseconds: number;
}

/** A sample beside those of the baseline before and after it. */
export interface Round extends Sample {
  /** Its throughput through the baseline's. */
  readonly ratio: number;
  /** The baseline's CPU time per request through its own. */
  readonly cpuRatio: number;
}

/** What a contender did in all the rounds; none if it could not be measured. */
export interface Row {
  readonly name: string;
  readonly rounds: readonly Round[];
}

/** What came of a contest. */
export interface Outcome {
  readonly name: string;
  readonly title: string;
  readonly baseline: { readonly name: string; readonly samples: Sample[] };
  readonly rows: readonly Row[];
}

/** What {@linkcode compare} works with. */
export interface Tools {
  readonly processes: Processes;
  readonly settings: Settings;
  /** Takes a line for whoever waits. */
  readonly say: (line: string) => void;
}

/** Starting, rehearsing and stopping a server, roughly. */
const START_SECONDS = 0.6;

/** How often a measurement may fail before it is given up. */
const ATTEMPTS = 3;

/** How long contests will take, in seconds. */
export function estimate(
  contests: readonly Contest[],
  settings: Settings,
): number {
  const { rounds, seconds, warmUpSeconds } = settings;
  const each = seconds + warmUpSeconds + START_SECONDS;
  const measurements = contests.reduce(
    (sum, { contenders }) => sum + 2 * contenders.length + 1,
    0,
  );
  return measurements * rounds * each;
}

/**
 * Holds a contest.
 *
 * A contender that does not answer as it should is left out, which is said; the
 * others go on.
 *
 * @throws {Error} If the baseline or a twin of it cannot be measured.
 */
export async function compare(
  contest: Contest,
  tools: Tools,
): Promise<Outcome> {
  const { settings, say } = tools;
  const { name, title, baseline } = contest;
  const contenders = await admit(contest, tools);
  const samples: Sample[] = [];
  const rounds = new Map<string, Round[]>(
    contenders.map(({ name }) => [name, []]),
  );
  for (let round = 1; round <= settings.rounds; round++) {
    say(`${name}: round ${round} of ${settings.rounds}`);
    let before = await measure(baseline, contest, tools);
    samples.push(before);
    for (const contender of contenders) {
      let sample: Sample | undefined;
      try {
        sample = await measure(contender, contest, tools);
      } catch (error) {
        say(`${name}: ${contender.name} left out of a round: ${error}`);
      }
      const after = await measure(baseline, contest, tools);
      samples.push(after);
      if (sample !== undefined) {
        rounds.get(contender.name)!.push(beside(sample, before, after));
      }
      before = after;
    }
  }
  return {
    name,
    title,
    baseline: { name: baseline.name, samples },
    rows: [...rounds].map(([name, rounds]) => ({ name, rounds })),
  };
}

/** The contenders that answer as they should. */
async function admit(contest: Contest, tools: Tools): Promise<Contender[]> {
  const { headers } = await rehearse(contest.baseline, contest, tools);
  const admitted: Contender[] = [];
  for (const contender of contest.contenders) {
    try {
      const rehearsal = await rehearse(contender, contest, tools);
      if (contender.isTwin) mustBeTwins(rehearsal.headers, headers);
      admitted.push(contender);
    } catch (error) {
      if (contender.isTwin) throw error;
      tools.say(`${contest.name}: ${contender.name} is skipped: ${error}`);
    }
  }
  return admitted;
}

function mustBeTwins(headers: string, baseline: string): void {
  if (headers === baseline) return;
  throw new Error(
    `Cannot compare: the headers\n${headers}\nare not the baseline's\n${baseline}`,
  );
}

async function rehearse(
  contender: Contender,
  contest: Contest,
  { processes }: Tools,
): Promise<Rehearsal> {
  await using server = await processes.serve(contender.program, contender);
  return await contest.rehearse(server.origin);
}

/** Measures a server; on a busy machine it may take a few attempts. */
async function measure(
  contender: Contender,
  contest: Contest,
  tools: Tools,
): Promise<Sample> {
  for (let attempt = 1;; attempt++) {
    try {
      return await measureOnce(contender, contest, tools);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      tools.say(`${contest.name}: ${contender.name} once more: ${error}`);
    }
  }
}

/** Measures a server from its start, so that none is warmer than another. */
async function measureOnce(
  contender: Contender,
  contest: Contest,
  { processes, settings }: Tools,
): Promise<Sample> {
  const { cpus, connections, seconds, warmUpSeconds } = settings;
  await using server = await processes.serve(contender.program, {
    copies: contender.copies,
    cpu: cpus?.server,
  });
  const { visits } = await contest.rehearse(server.origin);
  const options = {
    origin: server.origin,
    visits,
    connections,
    cpu: cpus?.client,
  };
  if (warmUpSeconds > 0) {
    await load(processes, { ...options, seconds: warmUpSeconds });
  }
  const before = await server.cpuSeconds();
  const done = await load(processes, { ...options, seconds });
  const cpuSeconds = await server.cpuSeconds() - before;
  // On a starved machine it may be less than the hundredth that is counted.
  if (cpuSeconds === 0) throw new Error("Cannot measure: it got no CPU time");
  return {
    requestsPerSecond: done.requestsPerSecond,
    cpuMicroseconds: cpuSeconds / done.requests * 1e6,
  };
}

function beside(sample: Sample, before: Sample, after: Sample): Round {
  const requestsPerSecond =
    (before.requestsPerSecond + after.requestsPerSecond) / 2;
  const cpuMicroseconds = (before.cpuMicroseconds + after.cpuMicroseconds) / 2;
  return {
    ...sample,
    ratio: sample.requestsPerSecond / requestsPerSecond,
    cpuRatio: cpuMicroseconds / sample.cpuMicroseconds,
  };
}
