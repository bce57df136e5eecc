import { type Clock, LONGEST_DELAY } from "../base/clock.ts";
import type { OpenStream } from "../http/open_stream.ts";

/** The generations of a session's tokens; see `SessionAccess`. */
export interface TokenGenerations {
  readonly generation: number;
  readonly loginGeneration: number;
  readonly tokens: readonly {
    readonly generation: number;
    readonly until: number;
  }[];
}

/** Cuts the streams of a session whose tokens are no longer valid. */
export class TokenStreams {
  readonly #site: { readonly clock: Clock };
  /**
   * The generation of the token that opened each stream; Infinity without a token.
   */
  readonly #generations = new Map<OpenStream, number>();
  #access: TokenGenerations | undefined = undefined;
  /** Fires when streams of replaced tokens are to be cut. */
  #timer: unknown = undefined;

  constructor(site: { readonly clock: Clock }) {
    this.#site = site;
  }

  /** Adds a stream, by the generation of the token that opened it. */
  add(stream: OpenStream, generation = Infinity): void {
    this.#generations.set(stream, generation);
  }

  /** Removes a stream that is closed. */
  delete(stream: OpenStream): void {
    this.#generations.delete(stream);
    if (this.#generations.size === 0) this.#clearTimer();
  }

  /** Stops cutting streams. */
  stop(): void {
    this.#access = undefined;
    this.#clearTimer();
  }

  /** Cuts the streams that the tokens no longer open, now or when they expire. */
  cutBefore(access: TokenGenerations): void {
    this.#access = access;
    if (this.#generations.size > 0) this.#setTimer();
  }

  /**
   * Cuts the streams whose token has expired, and sets a timer for the others.
   *
   * @param at What the time is at least, by the clock as it was set before.
   */
  #setTimer(at = -Infinity): void {
    this.#clearTimer();
    const { clock } = this.#site;
    const now = Math.max(at, clock.now());
    let next = Infinity;
    for (const [stream, generation] of [...this.#generations]) {
      const until = this.#untilOf(generation);
      if (until <= now) stream.closeFor("cut");
      else next = Math.min(next, until);
    }
    if (next === Infinity) return;
    const delay = Math.min(next - now, LONGEST_DELAY);
    this.#timer = clock.setTimeout(() => this.#setTimer(now + delay), delay);
  }

  /** Returns when the tokens of a generation expire, in UNIX milliseconds. */
  #untilOf(generation: number): number {
    const access = this.#access;
    if (access === undefined || generation >= access.generation) {
      return Infinity;
    }
    if (generation < access.loginGeneration) return -Infinity;
    const times = access.tokens.filter((token) =>
      token.generation === generation
    ).map(({ until }) => until);
    return Math.max(-Infinity, ...times);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#site.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
