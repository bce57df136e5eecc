import type { StoredSession } from "../../../stores/store.ts";
import type { Ask } from "../ask.ts";
import { statusOf } from "../truth.ts";
import type { Act, TimeoutAct, TimeoutName } from "./act.ts";
import type { Judge, Rule, States } from "./rule.ts";

const TIMEOUTS: readonly TimeoutName[] = ["sessionTimeout", "absoluteTimeout"];

/**
 * Timeouts of sessions: each one that is acknowledged is written, and one that is
 * answered 503 or replaced is not written again (promises 13 and 17).
 */
export class TimeoutRule implements Rule {
  readonly #judge: Judge;
  readonly #acts: TimeoutAct[] = [];
  readonly #written = new Set<string>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onAct(act: Act): void {
    if (act.kind === "timeout") this.#acts.push(act);
  }

  onChange(uid: string, { before, after }: States): void {
    if (after === undefined) return;
    for (const of of TIMEOUTS) this.#judgeChange(uid, { before, after }, of);
  }

  #judgeChange(
    uid: string,
    { before, after }: States & { readonly after: StoredSession },
    of: TimeoutName,
  ): void {
    const timeout = timeoutOf(after, of);
    if (before !== undefined && timeout === timeoutOf(before, of)) return;
    const { fail, world } = this.#judge;
    const act = this.#acts.find((act) =>
      act.of === of && act.timeout === timeout
    );
    const name = world.nameOf(uid);
    const fact = `${of} ${timeout}`;
    if (before !== undefined && (!act || this.#written.has(fact))) {
      fail(17, `the ${of} of ${name} is ${timeout} again`);
    }
    this.#written.add(fact);
    if (act === undefined || before === undefined) return;
    const { ask, at } = act;
    // A store whose clock is set back makes writes that it should refuse.
    if (ask.status === 503 && !world.truth.clock.wasSet(at - 5000, Infinity)) {
      fail(17, `the ${of} of ${ask.name} is written, and it was answered 503`);
    }
    // A login may join by a superseded token.
    if (ask.loggedIn !== undefined) return;
    const [token] = ask.tokens;
    if (ask.tokens.length !== 1 || !token!.startsWith(uid)) return;
    const hash = world.truth.hashOf(token!);
    if (statusOf(before, hash, -Infinity) !== "superseded") return;
    // Requests of one process share a timeout: a current one may have written it.
    const isOfOthers = world.asks.some((other) =>
      other !== ask && other.life === ask.life &&
      (other.got?.uid === uid ||
        other.tokens.some((each) => each.startsWith(uid))) &&
      (other.answeredAt ?? Infinity) >= at
    );
    if (!isOfOthers) {
      fail(13, `the ${of} of ${ask.name} is written by a superseded token`);
    }
  }

  onAnswered(ask: Ask): void {
    if (ask.status !== 200 && !ask.hasThrown) return;
    const { fail, isReported, world } = this.#judge;
    const { truth } = world;
    const to = ask.answeredAt!;
    for (
      const { uid, at, of, timeout } of this.#acts.filter((act) =>
        act.ask === ask
      )
    ) {
      // A session of one request alone is in no store.
      if (!truth.moments.has(uid) || truth.wasOver(uid, at, to)) continue;
      const isThere = truth.recordsIn(uid, at, to).some(({ record }) =>
        record !== undefined && timeoutOf(record, of) === timeout
      );
      const isReplaced = this.#acts.some((other) =>
        other.ask !== ask && other.life === ask.life && other.uid === uid &&
        other.of === of && other.at >= at && other.at <= to &&
        this.#written.has(`${of} ${other.timeout}`)
      );
      if (isThere || isReplaced) continue;
      // A session that the request has made ends when its handler throws.
      const isNew = ask.tokens.every((token) => !token.startsWith(uid));
      if (ask.hasThrown && (isNew || isReported(uid, of))) {
        continue;
      }
      fail(17, `${ask.name} is acknowledged, and its ${of} is not written`);
    }
  }
}

/** Returns the timeout of a record; seconds that are not whole are not exact. */
function timeoutOf(record: StoredSession, of: TimeoutName): number {
  return Math.round(record[of]);
}
