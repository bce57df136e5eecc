import { parseArgs } from "node:util";

/** The flags of the scripts. */
export interface Flags {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
  /** The names of the contests to run; empty runs all. */
  readonly only: readonly string[];
  /** Whether servers and wrk may run on any CPU. */
  readonly isUnpinned: boolean;
  /** Whether to write the results, the chart and the documentation. */
  readonly isWriting: boolean;
  /** Whether the peers take part. */
  readonly hasPeers: boolean;
}

/** The help text of the flags. */
export const FLAGS_HELP = `
  --rounds=N       how often each is measured (5)
  --seconds=N      of each measurement (2)
  --warm-up=N      seconds of load before each measurement (1)
  --connections=N  that wrk keeps open (32)
  --only=A,B       the contests to hold (all); with --write the results of others
                   stay, if they are of the same machine, versions and settings
  --unpinned       let servers and wrk run on any CPU
  --write          also write results.json, results.svg and the tables in docs/
`;

/**
 * Parses the flags; of a repeated flag, the last value counts.
 *
 * @throws {TypeError} If a flag is unknown.
 * @throws {RangeError} If a number is invalid or too small.
 */
export function readFlags(args: readonly string[]): Flags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "rounds": { type: "string", default: "5" },
      "seconds": { type: "string", default: "2" },
      "warm-up": { type: "string", default: "1" },
      "connections": { type: "string", default: "32" },
      "only": { type: "string", default: "" },
      "unpinned": { type: "boolean", default: false },
      "write": { type: "boolean", default: false },
      "peers": { type: "boolean", default: false },
    },
  });
  return {
    rounds: count("rounds", values.rounds, 1),
    seconds: count("seconds", values.seconds, 1),
    warmUpSeconds: count("warm-up", values["warm-up"], 0),
    connections: count("connections", values.connections, 1),
    only: values.only.split(",").filter((name) => name !== ""),
    isUnpinned: values.unpinned,
    isWriting: values.write,
    hasPeers: values.peers,
  };
}

/**
 * Returns the value of a flag.
 *
 * @throws {RangeError} If it is not a number, or too small.
 */
export function atLeast(least: number, flag: string, text: string): number {
  const number = Number(text);
  if (text.trim() !== "" && number >= least && number < Infinity) return number;
  throw new RangeError(
    `Cannot use --${flag}: not a number of at least ${least}: "${text}"`,
  );
}

function count(flag: string, text: string, least: number): number {
  const number = Number(text);
  if (text !== "" && Number.isInteger(number) && number >= least) return number;
  throw new RangeError(
    `Cannot use --${flag}: not a whole number of at least ${least}: "${text}"`,
  );
}
