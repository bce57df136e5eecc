import type { Shard } from "./shards.ts";

/** Milliseconds after which a node that has not answered counts as away. */
const LIMIT = 5000;

/**
 * Waits for an answer of Redis for a limited time: clients may keep commands for a
 * node that is away.
 *
 * @param verb The action of Redis, for the error.
 * @param limit Milliseconds.
 * @throws {Error} If there is no answer within the limit.
 */
export async function inTime<T>(
  answer: Promise<T>,
  verb: string,
  limit: number = LIMIT,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`Cannot ${verb}: no answer in ${limit / 1000} s`));
  }, limit);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Calls shards, all at once.
 *
 * Each of several has a time limit, so that none delays the others for long. A
 * single shard has no limit here: a site calls single shards, and has a limit of
 * its own.
 */
export function askEach<T>(
  shards: readonly Shard[],
  ask: (shard: Shard) => Promise<T>,
): Promise<T>[] {
  return shards.map((shard) =>
    shards.length === 1
      ? ask(shard)
      : inTime(ask(shard), `ask shard ${shard.index}`)
  );
}
