/** Random numbers that depend on a seed alone. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = mix(seed);
  }

  /** Returns a number from 0 to 1, 1 excluded. */
  next(): number {
    const state = this.#state = this.#state + 0x6d2b79f5 | 0;
    return unitOf(state);
  }

  /** Returns a whole number from 0 to `limit`, which is excluded. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** Returns a number between two others. */
  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** Returns true with a probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Returns one of some values. */
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  /** Returns one of some values, each as often as its weight says. */
  weighted<T extends string>(weights: Readonly<Partial<Record<T, number>>>): T {
    const entries = Object.entries(weights) as [T, number][];
    let left = this.next() * entries.reduce((sum, [, each]) => sum + each, 0);
    for (const [value, weight] of entries) {
      left -= weight;
      if (left < 0) return value;
    }
    return entries.at(-1)![0];
  }
}

/** Returns a hash of whole numbers and texts, as 32 bits. */
export function mix(...parts: readonly (number | string)[]): number {
  let hash = 0x811c9dc5;
  for (const part of parts) {
    if (typeof part === "number") {
      hash = Math.imul(hash ^ part, 0x01000193) ^ hash >>> 15;
      continue;
    }
    for (let index = 0; index < part.length; index++) {
      hash = Math.imul(hash ^ part.charCodeAt(index), 0x01000193);
    }
  }
  return hash | 0;
}

/** Returns 32 bits as a number from 0 to 1, well mixed (mulberry32). */
export function unitOf(state: number): number {
  let bits = Math.imul(state ^ state >>> 15, 1 | state);
  bits = bits + Math.imul(bits ^ bits >>> 7, 61 | bits) ^ bits;
  return ((bits ^ bits >>> 14) >>> 0) / 2 ** 32;
}
