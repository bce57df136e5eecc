/**
 * Measures servers by turns: a baseline, a contender, the baseline, the next
 * contender, the baseline ...
 *
 * Only ratios of neighbours can be compared: on a shared machine the speed of the
 * same server changes by half within a minute.
 *
 * @module
 */

import type { CpuPair } from "./cpus.ts";
import type { Processes, Program } from "./processes.ts";
import { load, type LoadRequest } from "./wrk.ts";

/** A server of a contest. */
export interface Contender {
  readonly name: string;
  /** The program that serves on a port. */
  readonly program: (port: number) => Program;
  /** The number of processes that share the port; one by default. */
  readonly copies?: number;
  /** Whether its headers must equal those of the baseline. */
  readonly isTwin?: boolean;
}

/** The requests of the load, and the headers of the server. */
export interface Rehearsal {
  readonly visits: readonly LoadRequest[];
  /** The headers of a response, as far as they can be compared. */
  readonly headers: string;
}

/** A task, and the servers that are compared in it. */
export interface Contest {
  /** The name, one word. */
  readonly name: string;
  /** A sentence about the task, without its full stop. */
  readonly title: string;
  readonly baseline: Contender;
  readonly contenders: readonly Contender[];
  /**
   * Sends the first requests to a server, and returns the load.
   *
   * @throws {Error} If a response is wrong.
   */
  rehearse(origin: string): Promise<Rehearsal>;
  /** A contender that is a second baseline. */
  readonly bare?: Contender;
  /**
   * Returns requests of other kinds. In the mixed mode each server serves them
   * before it is measured, so that its code is not compiled for one page only.
   */
  mix?(origin: string): Promise<readonly LoadRequest[]>;
}

/** The settings of measurements. */
export interface Settings {
  readonly rounds: number;
  /** Seconds of each measurement. */
  readonly seconds: number;
  /** Seconds of load before each measurement, which warm up the compiler. */
  readonly warmUpSeconds: number;
  readonly connections: number;
  /** Undefined if servers and wrk may run on any CPU. */
  readonly cpus: CpuPair | undefined;
}

/** The result of one measurement. */
export interface Sample {
  readonly requestsPerSecond: number;
  /** CPU time of the server per request, in microseconds. */
  readonly cpuMicroseconds: number;
}

/** The ratios of a sample to the baseline's samples before and after it. */
export interface Round extends Sample {
  /** Its throughput divided by the baseline's. */
  readonly ratio: number;
  /** The baseline's CPU time per request divided by its own. */
  readonly cpuRatio: number;
}

/** The results of a contender in all rounds; empty if it failed. */
export interface Row {
  readonly name: string;
  readonly rounds: readonly Round[];
}

/** The result of a contest. */
export interface Outcome {
  readonly name: string;
  readonly title: string;
  readonly baseline: { readonly name: string; readonly samples: Sample[] };
  readonly rows: readonly Row[];
  /** The name of the row that is a second baseline. */
  readonly bare?: string;
}

/** The tools of {@linkcode compare}. */
export interface Tools {
  readonly processes: Processes;
  readonly settings: Settings;
  /** Prints a line about the progress. */
  readonly say: (line: string) => void;
}

/** Seconds to start, test and stop a server, approximately. */
const START_SECONDS = 0.6;

/** Seconds of requests of other kinds, in the mixed mode. */
const MIX_SECONDS = 1;

/** The most attempts of a measurement. */
const ATTEMPTS = 3;

/** Estimates the duration of contests in seconds. */
export function estimate(
  contests: readonly Contest[],
  settings: Settings,
): number {
  const { rounds, seconds, warmUpSeconds } = settings;
  const round = contests.reduce((sum, { contenders, mix }) => {
    const each = seconds + warmUpSeconds + START_SECONDS +
      (mix === undefined ? 0 : MIX_SECONDS);
    return sum + (2 * contenders.length + 1) * each;
  }, 0);
  return rounds * round;
}

/**
 * Runs a contest.
 *
 * Skips a contender with wrong responses, and prints a line about it.
 *
 * @throws {Error} If the baseline, or its copy, cannot be measured.
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
    ...(contest.bare === undefined ? {} : { bare: contest.bare.name }),
  };
}

/** Returns the contenders with right responses. */
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

/** Measures a server; repeats a failed measurement. */
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

/** Measures a server from its start, so that all are equally warm. */
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
  const wrk = { origin: server.origin, connections, cpu: cpus?.client };
  if (contest.mix !== undefined) {
    const visits = await contest.mix(server.origin);
    await load(processes, {
      ...wrk,
      visits,
      seconds: MIX_SECONDS,
      mayFail: true,
    });
  }
  const options = { ...wrk, visits };
  if (warmUpSeconds > 0) {
    await load(processes, { ...options, seconds: warmUpSeconds });
  }
  const before = await server.cpuSeconds();
  const done = await load(processes, { ...options, seconds });
  const cpuSeconds = await server.cpuSeconds() - before;
  // A very busy machine may give it less than a hundredth of a second, the unit.
  if (cpuSeconds === 0) {
    throw new Error("Cannot measure: the server got no CPU time");
  }
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
