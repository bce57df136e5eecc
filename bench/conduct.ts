/**
 * The common parts of the scripts that measure: flags, tools, tables.
 *
 * @module
 */

import { type CpuPair, pickCpus } from "./cpus.ts";
import { type Flags, FLAGS_HELP, readFlags } from "./flags.ts";
import { describeMachine, programVersions, wrkVersion } from "./machine.ts";
import { compare, type Contest, estimate, type Tools } from "./measure.ts";
import { Processes } from "./processes.ts";
import { tableOf } from "./report.ts";
import type { Section } from "./results.ts";
import { keepRun } from "./write_up.ts";

/** The parts that differ between scripts. */
export interface Script {
  /** The section of its results; undefined if they are not stored. */
  readonly section?: Section;
  /** The first paragraph of `--help`. */
  readonly help: string;
  /** Whether servers and wrk may run on any CPU, as several workers need. */
  readonly isUnpinned?: boolean;
  /** Installs packages if need be, and makes the contests. */
  prepare(flags: Flags, tools: Tools): Preparation | Promise<Preparation>;
}

/** The contests of a script. */
export interface Preparation {
  readonly contests: readonly Contest[];
  /** Versions of programs other than Deno, Node and wrk. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Measures, after all contests, and returns sentences for the report. */
  readonly remarks?: () => Promise<readonly string[]>;
}

/** Runs a script: measures, prints the tables, and writes them with `--write`. */
export async function conduct(script: Script): Promise<void> {
  if (Deno.args.includes("--help")) return console.log(script.help, FLAGS_HELP);
  const flags = readFlags(Deno.args);
  if (await wrkVersion() === undefined) {
    console.error("Cannot measure: no wrk; on Debian: apt-get install wrk");
    Deno.exit(1);
  }
  const isPinned = !script.isUnpinned && !flags.isUnpinned;
  const cpus = isPinned ? await pickCpus() : undefined;
  await using processes = new Processes();
  const tools = { processes, settings: settingsOf(flags, cpus), say };
  const { contests, versions, remarks } = await script.prepare(flags, tools);
  const chosen = choose(contests, flags.only);
  say(`About ${minutes(estimate(chosen, tools.settings))}; Ctrl-C ends it.`);

  const outcomes = [];
  for (const contest of chosen) {
    const outcome = await compare(contest, tools);
    outcomes.push(outcome);
    console.log(`\n${outcome.name}: ${outcome.title}\n\n${tableOf(outcome)}\n`);
  }
  const sentences = await remarks?.() ?? [];
  for (const sentence of sentences) console.log(sentence);
  if (!flags.isWriting || script.section === undefined) return;
  const run = {
    measuredAt: new Date().toISOString(),
    machine: await describeMachine(),
    versions: { ...await programVersions(), ...versions },
    settings: tools.settings,
    outcomes,
    remarks: sentences,
  };
  const isPart = flags.only.length > 0;
  await keepRun(run, { section: script.section, isPart });
}

function settingsOf(
  flags: Flags,
  cpus: CpuPair | undefined,
): Tools["settings"] {
  const { rounds, seconds, warmUpSeconds, connections } = flags;
  return { rounds, seconds, warmUpSeconds, connections, cpus };
}

function choose(
  contests: readonly Contest[],
  only: readonly string[],
): readonly Contest[] {
  const names = contests.map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(
      `Cannot measure "${unknown}": there are ${names.join(", ")}`,
    );
  }
  return only.length === 0
    ? contests
    : contests.filter(({ name }) => only.includes(name));
}

function say(line: string): void {
  console.error(line);
}

function minutes(seconds: number): string {
  return seconds < 90
    ? `${Math.ceil(seconds)} s`
    : `${Math.ceil(seconds / 60)} minutes`;
}
