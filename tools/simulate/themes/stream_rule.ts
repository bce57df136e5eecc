import type { Ask } from "../ask.ts";
import type { Judge, Rule } from "./rule.ts";
import { isUndisturbed, LATEST_NEWS } from "./undisturbed.ts";

/** Milliseconds after its end in which a session closes its streams. */
const LATEST_END = 2500;

/**
 * Streams close when a login or a renewal has replaced their token, also in another
 * process (promise 19), and when their session ends (promise 4).
 */
export class StreamRule implements Rule {
  readonly #judge: Judge;

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onOpenStream(ask: Ask, at: number): void {
    const { fail, world } = this.#judge;
    const { truth } = world;
    const { name, got, life, tokens, cookie = tokens[0] } = ask;
    const uid = got?.uid;
    // The stream of a session of one request alone has no token.
    if (uid === undefined || tokens.length > 1) return;
    if (!cookie?.startsWith(uid) || truth.lost.has(uid)) return;
    const isClosing = (pause: number, statuses: readonly string[]) => {
      const from = at - pause;
      return from > ask.answeredAt! &&
        isUndisturbed(world, { life, from, at }) &&
        [...truth.statusesIn(cookie, from, at)].every((each) =>
          statuses.includes(each)
        );
    };
    // A process asks a store whose clock was set forward for ends by the time before.
    const isOnTime = !truth.clock.wasSet(ask.arrivedAt, at);
    if (isOnTime && isClosing(LATEST_END, ["over"])) {
      fail(4, `the stream of ${name} stays open after the end`);
    }
    if (isClosing(LATEST_NEWS, ["superseded", "expired", "unknown"])) {
      fail(19, `the stream of ${name} stays open without a token`);
    }
  }
}
