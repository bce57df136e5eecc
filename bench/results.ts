/**
 * What was measured, and the file that keeps it.
 *
 * @module
 */

import type { Outcome, Settings } from "./measure.ts";
import { pathOf } from "./programs.ts";

/** What one run of a script has found, and what it ran on. */
export interface Run {
  /** ISO 8601, to the second. */
  readonly measuredAt: string;
  /** In a sentence without its full stop. */
  readonly machine: string;
  /** By name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: Settings;
  readonly outcomes: readonly Outcome[];
  /** What no table says, in sentences. */
  readonly remarks: readonly string[];
}

/** The scripts that keep their results. */
export type Section = "peers" | "growth" | "scale";

/** The last run of each. */
export type Results = { readonly [section in Section]?: Run };

const PATH = pathOf("results.json");

/** The results that have been kept; none if there is no file. */
export async function readResults(): Promise<Results> {
  try {
    return JSON.parse(await Deno.readTextFile(PATH));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/** Keeps results; four digits are more than the noise leaves. */
export async function writeResults(results: Results): Promise<void> {
  const text = JSON.stringify(
    results,
    (_key, value) =>
      typeof value === "number" ? Number(value.toPrecision(4)) : value,
    2,
  );
  await Deno.writeTextFile(PATH, `${text}\n`);
}
