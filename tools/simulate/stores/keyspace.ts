import type { Reply } from "./reply.ts";

/** The commands that write. */
export const WRITES: ReadonlySet<string> = new Set([
  "DEL",
  "HDEL",
  "HSET",
  "HSETNX",
  "SET",
  "ZADD",
  "ZREM",
]);

type Hash = Map<string, string>;
type Scores = Map<string, number>;

/** The hashes, sorted sets and strings of a simulated Redis. */
export class Keyspace {
  readonly #clock: { now(): number };
  readonly #hashes = new Map<string, Hash>();
  readonly #scores = new Map<string, Scores>();
  /** When each string expires. */
  readonly #strings = new Map<string, number>();
  #now = 0;
  /** Microseconds after that: each script of a millisecond has a later one. */
  #micros = 0;

  constructor(clock: { now(): number }) {
    this.#clock = clock;
  }

  /** Returns the fields of a hash. */
  hash(key: string): ReadonlyMap<string, string> {
    return this.#hashes.get(key) ?? new Map();
  }

  /** Reads the clock, which stands still while a script runs. */
  stopTime(): void {
    const now = Math.floor(this.#clock.now());
    this.#micros = now === this.#now ? Math.min(this.#micros + 1, 999) : 0;
    this.#now = now;
  }

  /** Runs a command, whose errors are those of Redis. */
  execute([name, key = "", ...words]: readonly string[]): Reply {
    switch (name) {
      case "TIME":
        return [
          `${Math.floor(this.#now / 1000)}`,
          `${this.#now % 1000 * 1000 + this.#micros}`,
        ];
      case "EXISTS":
        return [key, ...words].filter((each) => this.#exists(each)).length;
      case "DEL":
        return this.#delete(key);
      case "SET":
        return this.#set(key, words);
      case "HGET":
        return this.hash(key).get(words[0]!) ?? null;
      case "HMGET":
        return words.map((field) => this.hash(key).get(field) ?? null);
      case "HGETALL":
        return [...this.hash(key)].flat();
      case "HSET":
        return this.#setFields(key, words);
      case "HSETNX":
        return this.hash(key).has(words[0]!) ? 0 : this.#setFields(key, words);
      case "HDEL":
        return removeFrom(this.#hashes, key, words);
      case "ZADD":
        return this.#add(key, words);
      case "ZREM":
        return removeFrom(this.#scores, key, words);
      case "ZCARD":
        return this.#scores.get(key)?.size ?? 0;
      case "ZSCORE": {
        const score = this.#scores.get(key)?.get(words[0]!);
        return score === undefined ? null : textOf(score);
      }
      case "ZRANGE":
        return this.#range(key, words);
      default:
        throw new Error(`ERR unknown command '${name}'`);
    }
  }

  #exists(key: string): boolean {
    return this.#hashes.has(key) || this.#scores.has(key) ||
      (this.#strings.get(key) ?? -Infinity) > this.#now;
  }

  #delete(key: string): number {
    const found = this.#exists(key);
    this.#hashes.delete(key);
    this.#scores.delete(key);
    this.#strings.delete(key);
    return Number(found);
  }

  #set(key: string, [, option, milliseconds]: readonly string[]): Reply {
    if (option !== "PX") throw new Error("ERR syntax error");
    this.#strings.set(key, this.#now + wholeOf(milliseconds));
    return { ok: "OK" };
  }

  #setFields(key: string, words: readonly string[]): number {
    if (words.length === 0 || words.length % 2 === 1) {
      throw new Error("ERR wrong number of arguments for 'hset' command");
    }
    const hash = this.#hashes.get(key) ?? new Map();
    this.#hashes.set(key, hash);
    const before = hash.size;
    for (let index = 0; index < words.length; index += 2) {
      hash.set(words[index]!, words[index + 1]!);
    }
    return hash.size - before;
  }

  #add(key: string, words: readonly string[]): number {
    const isOnlyNew = words[0] === "NX";
    const [score, member] = isOnlyNew ? words.slice(1) : words;
    const scores = this.#scores.get(key) ?? new Map();
    this.#scores.set(key, scores);
    const before = scores.size;
    if (!isOnlyNew || !scores.has(member!)) {
      scores.set(member!, numberOf(score));
    }
    return scores.size - before;
  }

  #range(key: string, [from, to, ...options]: readonly string[]): Reply {
    const members = [...this.#scores.get(key) ?? []].sort(byScore);
    const chosen = options.includes("BYLEX")
      ? members.filter(([member]) => isWithin(member, from!, to!))
      : options.includes("BYSCORE")
      ? members.filter(([, score]) =>
        score >= numberOf(from) && score <= numberOf(to)
      )
      : members.slice(Number(from), to === "-1" ? undefined : Number(to) + 1);
    const limit = options.indexOf("LIMIT");
    const [first, count] = limit === -1
      ? [0, chosen.length]
      : options.slice(limit + 1, limit + 3).map(wholeOf) as [number, number];
    return chosen.slice(first, first + count).flatMap(([member, score]) =>
      options.includes("WITHSCORES") ? [member, textOf(score)] : [member]
    );
  }
}

/** Removes members or fields; a key without any is gone. */
function removeFrom(
  all: Map<string, Map<string, unknown>>,
  key: string,
  words: readonly string[],
): number {
  const map = all.get(key);
  if (map === undefined) return 0;
  const count = words.filter((word) => map.delete(word)).length;
  if (map.size === 0) all.delete(key);
  return count;
}

function byScore(
  [one, a]: readonly [string, number],
  [other, b]: readonly [string, number],
): number {
  return a - b || (one < other ? -1 : 1);
}

function isWithin(member: string, from: string, to: string): boolean {
  if (!from.startsWith("[") || !to.startsWith("(")) {
    throw new Error("ERR min or max not valid string range item");
  }
  return member >= from.slice(1) && member < to.slice(1);
}

function numberOf(text: string | undefined): number {
  const number = text === "inf"
    ? Infinity
    : text === "-inf"
    ? -Infinity
    : Number(text);
  if (text === "" || Number.isNaN(number)) {
    throw new Error("ERR value is not a valid float");
  }
  return number;
}

function wholeOf(text: string | undefined): number {
  if (!/^-?\d+$/.test(text ?? "")) {
    throw new Error("ERR value is not an integer or out of range");
  }
  return Number(text);
}

function textOf(score: number): string {
  return score === Infinity ? "inf" : String(score);
}
