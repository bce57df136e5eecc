/**
 * Measures how reliably the end of a session arrives: by Curfew, and by other ways.
 *
 *     deno task bench:ends [--sessions=10000] [--spread=20] [--lead=12] [--only=NAME] [--write]
 *
 * Each contender makes the same number of sessions with the same deadlines, which are
 * spread over some seconds, the first so many seconds (`--lead`) after the start; and a
 * teller prints a line for each end that it learns of. That is measured twice: calm,
 * and with the process that made the sessions killed halfway and started again a
 * second later. Where processes can share the work, there are two.
 *
 * A contender whose programs are missing is left out by name. The packages of npm are
 * installed into `bench/.peers/ends`. `--write` writes the results, the tables and the
 * picture; with `--only` the results of the others stay as they are.
 *
 * A teller is a program that takes `make` or `listen`, the number of sessions, the
 * first deadline and the spread in milliseconds, and the address of its store. It
 * prints `made ID DEADLINE` for each session, then `ready`, and `told ID TIME` for
 * each end.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { describeMachine } from "../machine.ts";
import { pathOf } from "../programs.ts";
import { CONTENDERS } from "./contenders.ts";
import { measure } from "./measure.ts";
import { pictureOf } from "./picture.ts";
import { type Row, tablesOf } from "./report.ts";
import { describeVersions } from "./versions.ts";

const RESULTS = pathOf("ends/results.json");

const { values } = parseArgs({
  args: Deno.args,
  options: {
    sessions: { type: "string", default: "10000" },
    spread: { type: "string", default: "20" },
    lead: { type: "string", default: "12" },
    only: { type: "string", default: "" },
    write: { type: "boolean", default: false },
  },
});
const plan = {
  sessions: Number(values.sessions),
  spread: Number(values.spread) * 1000,
  lead: Number(values.lead) * 1000,
};
if (!Object.values(plan).every((value) => value > 0 && value < 1e9)) {
  throw new RangeError(
    "Cannot measure: --sessions, --spread and --lead must be above 0",
  );
}

const measured: Row[] = [];
const leftOut: string[] = [];
for (const contender of CONTENDERS) {
  const { name, isOurs } = contender;
  if (!name.toLowerCase().includes(values.only.toLowerCase())) continue;
  const missing = await contender.missing();
  if (missing !== undefined) {
    leftOut.push(`${name} (${missing})`);
    continue;
  }
  console.error(`${name} ...`);
  try {
    const calm = await measure(contender, { ...plan, isKilled: false });
    const killed = await measure(contender, { ...plan, isKilled: true });
    measured.push({ name, isOurs, calm, killed });
  } catch (error) {
    // The others are measured all the same.
    leftOut.push(`${name} (${(error as Error).message.split("\n", 1)})`);
  }
}

const rows = values.write ? merge(readRows(), measured) : measured;
const report = `${tablesOf(rows)}

Left out: ${leftOut.join(", ") || "none"}.

Ends that a process of Curfew had claimed when it was killed are told by another one
when the lease of ten seconds is over.

${
  plan.sessions.toLocaleString("en")
} sessions, whose deadlines are spread over ${values.spread} s.
Measured on ${await describeMachine()}, with ${await describeVersions()}.
The load of the machine was ${
  Deno.loadavg()[2]!.toFixed(1)
}, other programs included.`;
console.log(report);
if (values.write) {
  await Deno.writeTextFile(RESULTS, `${JSON.stringify(rows, null, 2)}\n`);
  const path = pathOf("ends/results.md");
  const head = "# Ends that arrive\n\nMeasured by `deno task bench:ends`.";
  await Deno.writeTextFile(path, `${head}\n\n${report}\n`);
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] })
    .output();
  await Deno.writeTextFile(pathOf("ends/ends.svg"), pictureOf(rows));
}

function readRows(): Row[] {
  try {
    return JSON.parse(Deno.readTextFileSync(RESULTS));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return [];
  }
}

/** Returns the rows in the order of the contenders, the new ones if there are both. */
function merge(old: readonly Row[], measured: readonly Row[]): Row[] {
  return CONTENDERS.flatMap(({ name }) =>
    [...measured, ...old].find((row) => row.name === name) ?? []
  );
}
