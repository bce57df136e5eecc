import { mix, unitOf } from "./random.ts";

/** How often messages fail, each from 0 to 1. */
export interface MishapRates {
  /** A message that never arrives. */
  readonly lost: number;
  /** A message that arrives after up to `slowest` milliseconds. */
  readonly slow: number;
  readonly slowest: number;
  /** A message that arrives twice, where the receiver must expect that. */
  readonly doubled: number;
}

/** What happens to one message. */
export interface Fate {
  /** Milliseconds on the way. */
  readonly delay: number;
  readonly isLost: boolean;
  readonly isDoubled: boolean;
}

/** Milliseconds that a message takes if nothing goes wrong. */
const LONGEST_TRIP = 8;

/** Decides by the seed what happens to each message. */
export class Mishaps {
  /** The mishaps so far, by name. */
  readonly happened: string[] = [];
  readonly #seed: number;
  readonly #rates: MishapRates;
  readonly #allowed: ReadonlySet<string> | undefined;
  readonly #counts = new Map<string, number>();
  /** Whether no more mishaps happen. */
  isOver = false;

  /** @param allowed The mishaps that may happen; undefined for all. */
  constructor(
    seed: number,
    rates: MishapRates,
    allowed?: ReadonlySet<string>,
  ) {
    this.#seed = seed;
    this.#rates = rates;
    this.#allowed = allowed;
  }

  /** Decides the fate of the next message of a channel. */
  next(channel: string): Fate {
    const count = (this.#counts.get(channel) ?? 0) + 1;
    this.#counts.set(channel, count);
    const hash = mix(this.#seed, channel, count);
    const delay = 0.1 + unitOf(hash) ** 3 * LONGEST_TRIP;
    const fine = { delay, isLost: false, isDoubled: false };
    const { lost, slow, slowest, doubled } = this.#rates;
    const draw = unitOf(hash + 1);
    if (this.isOver || draw >= lost + slow + doubled) return fine;
    const kind = draw < lost ? "lost" : draw < lost + slow ? "slow" : "twice";
    const name = `${kind}:${channel}:${count}`;
    if (this.#allowed?.has(name) === false) return fine;
    this.happened.push(name);
    if (kind === "lost") return { ...fine, isLost: true };
    if (kind === "twice") return { ...fine, isDoubled: true };
    return { ...fine, delay: 100 + unitOf(hash + 2) ** 2 * slowest };
  }

  /** Returns a number from 0 to 1 that belongs to a name. */
  draw(name: string): number {
    return unitOf(mix(this.#seed, name));
  }
}
