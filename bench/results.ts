/**
 * The results of runs, and the file that stores them.
 *
 * @module
 */

import type { Outcome, Settings } from "./measure.ts";
import { pathOf } from "./programs.ts";

/** The results of one run of a script, and its machine. */
export interface Run {
  /** ISO 8601, to the second. */
  readonly measuredAt: string;
  /** A sentence without its full stop. */
  readonly machine: string;
  /** Versions by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: Settings;
  readonly outcomes: readonly Outcome[];
  /** Sentences for the report. */
  readonly remarks: readonly string[];
}

/** The scripts with stored results. */
export type Section = "peers" | "growth" | "scale";

/** The last run of each script. */
export type Results = { readonly [section in Section]?: Run };

const PATH = pathOf("results.json");

/** Reads the stored results; empty if there is no file. */
export async function readResults(): Promise<Results> {
  try {
    return JSON.parse(await Deno.readTextFile(PATH));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/** Stores results with four digits, which is more than their precision. */
export async function writeResults(results: Results): Promise<void> {
  const text = JSON.stringify(
    results,
    (_key, value) =>
      typeof value === "number" ? Number(value.toPrecision(4)) : value,
    2,
  );
  await Deno.writeTextFile(PATH, `${text}\n`);
}
