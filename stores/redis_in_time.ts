import type { Shard } from "./redis_shard.ts";

/** Milliseconds after which a node that has not answered is taken to be away. */
const PATIENCE = 5000;

/**
 * Waits for an answer of Redis, but not for ever: clients may keep what is sent
 * to a node until that is back.
 *
 * @param verb What Redis is to do, for the error.
 * @throws {Error} If there is no answer in time.
 */
export async function inTime<T>(answer: Promise<T>, verb: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const seconds = PATIENCE / 1000;
    late.reject(new Error(`Cannot ${verb}: no answer in ${seconds} s`));
  }, PATIENCE);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks shards, all at once.
 *
 * One of several is not waited for for ever, so that it does not hold up the
 * others. A site, which asks a single one, has a limit of its own.
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
