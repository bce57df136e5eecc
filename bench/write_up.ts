/**
 * Writes results into the documentation, and draws the chart.
 *
 *     deno run -A bench/write_up.ts
 *
 * The scripts that measure call it with `--write`. As a program it writes the results
 * of `results.json` again.
 *
 * @module
 */

import { chartOf } from "./chart.ts";
import { pathOf } from "./programs.ts";
import { costsOf, sectionOf } from "./report.ts";
import {
  readResults,
  type Run,
  type Section,
  writeResults,
} from "./results.ts";

const PEERS = pathOf("../docs/performance.md");
const GROWTH = pathOf("../docs/performance_growth.md");
const README = pathOf("../README.md");
const CHART = pathOf("results.svg");
const RESULTS = pathOf("results.json");

/** The document of each section. */
const DOCUMENTS: Readonly<Record<Section, string>> = {
  peers: PEERS,
  growth: GROWTH,
  scale: GROWTH,
};

/**
 * Replaces the last run of a script, and writes all files again.
 *
 * @param isPart Whether the run left out contests: their results stay, if they are
 * of the same machine, versions and settings.
 */
export async function keepRun(
  run: Run,
  { section, isPart }: { readonly section: Section; readonly isPart: boolean },
): Promise<void> {
  const results = await readResults();
  const last = results[section];
  const kept = isPart && last !== undefined ? withOthers(run, last) : run;
  await writeResults({ ...results, [section]: kept });
  await writeUp();
}

/** Adds the contests of an earlier run, in its order. */
function withOthers(run: Run, last: Run): Run {
  const conditions = ({ machine, versions, settings }: Run) =>
    JSON.stringify([machine, versions, settings]);
  if (conditions(run) !== conditions(last)) return run;
  const byName = new Map(
    [...last.outcomes, ...run.outcomes].map((one) => [one.name, one]),
  );
  return { ...run, outcomes: [...byName.values()] };
}

async function writeUp(): Promise<void> {
  const results = await readResults();
  for (const section of Object.keys(DOCUMENTS) as Section[]) {
    const run = results[section];
    if (run === undefined) continue;
    const path = DOCUMENTS[section];
    const document = await Deno.readTextFile(path);
    const text = replaceSection(document, section, sectionOf(run));
    await Deno.writeTextFile(path, text);
  }
  const { peers } = results;
  if (peers !== undefined) {
    await Deno.writeTextFile(CHART, chartOf(peers));
    const readme = await Deno.readTextFile(README);
    const text = replaceSection(readme, "costs", costsOf(peers));
    await Deno.writeTextFile(README, text);
  }
  await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", README, PEERS, GROWTH, RESULTS, CHART],
  }).output();
}

/** Puts text between the markers of a section. */
function replaceSection(
  document: string,
  section: string,
  text: string,
): string {
  const begin = `<!-- measured: ${section} -->`;
  const end = `<!-- end of ${section} -->`;
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from === -1 || to < from) {
    throw new Error(
      `Cannot write "${section}" into a document: no "${begin}" before "${end}"`,
    );
  }
  const before = document.slice(0, from + begin.length);
  return `${before}\n\n${text}\n\n${document.slice(to)}`;
}

if (import.meta.main) await writeUp();
