/**
 * Shows that the simulator finds faults: puts each known one back into a copy of
 * the sources, and simulates until a promise is broken.
 *
 *     deno task simulate:mutants [--seeds=1000] [--only=TEXT]
 *
 * `--only` chooses the faults whose names have a text.
 *
 * Exits with 1 if a fault is not found, or does not fit the code any more.
 *
 * @module
 */

import { parseArgs } from "node:util";
import {
  reportWrongOption,
  wholeNumber,
  WrongOption,
} from "../command_options.ts";
import { type Mutant, MUTANTS } from "./mutants/list.ts";

const ROOT = new URL("../../", import.meta.url);

/** Folders that the simulator does not need. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  ".git",
  "bench",
  "coverage",
  "docs",
  "examples",
  "node_modules",
  "scratch",
  "tests",
]);

/**
 * Puts a fault into a text.
 *
 * @throws {Error} If the text does not have the line, or has it twice.
 */
export function mutated(text: string, { name, from, to }: Mutant): string {
  const parts = text.split(from);
  if (parts.length !== 2) {
    throw new Error(
      `Cannot make the mutant "${name}": its line is there ${
        parts.length - 1
      } times`,
    );
  }
  return parts.join(to);
}

/** Returns the source that a mutant changes. */
export function sourceOf({ file }: Mutant): string {
  return Deno.readTextFileSync(new URL(file, ROOT));
}

/** Copies a folder with all that the simulator needs. */
function copy(from: URL, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory, isFile } of Deno.readDirSync(from)) {
    if (isDirectory && !LEFT_OUT.has(name)) {
      copy(new URL(`${name}/`, from), `${to}/${name}`);
    } else if (isFile) Deno.copyFileSync(new URL(name, from), `${to}/${name}`);
  }
}

/** Simulates a copy of the sources until a seed fails; returns what it prints. */
function simulateCopy(
  folder: string,
  { mode, theme = "plain" }: Mutant,
  seeds: number,
): string {
  const { stdout } = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", "tools/simulate.ts", "--first"],
      ...[`--mode=${mode}`, `--theme=${theme}`, `--seeds=${seeds}`],
    ],
    cwd: folder,
    stderr: "null",
  }).outputSync();
  return new TextDecoder().decode(stdout);
}

function main(): number {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      only: { type: "string", default: "" },
    },
  });
  const seeds = wholeNumber("--seeds", values.seeds);
  const mutants = MUTANTS.filter(({ name }) => name.includes(values.only));
  if (mutants.length === 0) {
    throw new WrongOption(`no name has --only: ${values.only}`);
  }
  const folder = Deno.makeTempDirSync();
  let missed = 0;
  try {
    copy(ROOT, folder);
    for (const mutant of mutants) {
      const { name, file, mode } = mutant;
      const before = sourceOf(mutant);
      const path = `${folder}/${file}`;
      Deno.writeTextFileSync(path, mutated(before, mutant));
      const output = simulateCopy(folder, mutant, seeds);
      Deno.writeTextFileSync(path, before);
      const found = /^Seed (\d+): (.*)$/m.exec(output);
      if (found === null) missed++;
      const seed = found === null ? "NOT FOUND" : `seed ${found[1]}`;
      console.log(`| ${name} | ${mode} | ${seed} | ${found?.[2] ?? ""} |`);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  return missed;
}

if (import.meta.main) {
  try {
    if (main() > 0) Deno.exitCode = 1;
  } catch (error) {
    reportWrongOption("find mutants", error);
    Deno.exitCode = 1;
  }
}
