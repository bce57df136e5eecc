import type { StoredSession } from "../../../stores/store.ts";
import type { Ask } from "../ask.ts";
import type { Act, TimeoutAct } from "./act.ts";
import type { Judge, Rule } from "./rule.ts";

/** The longest `Max-Age` of a cookie in milliseconds. */
const LONGEST = 400 * 24 * 60 * 60 * 1000;

/** Milliseconds by which clocks that drift and messages may shorten a cookie. */
const SLACK = 500;

/**
 * Cookies that a browser keeps: none ends before its session (promise 13), and a
 * session ends by its absolute timeout when that is over, not later (promise 2).
 */
export class RememberRule implements Rule {
  readonly #judge: Judge;
  readonly #acts: TimeoutAct[] = [];

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onAct(act: Act): void {
    if (act.kind === "timeout" && act.of === "absoluteTimeout") {
      this.#acts.push(act);
    }
  }

  onAnswered(ask: Ask): void {
    if (ask.status !== 200 || !this.#isCalm(ask)) return;
    if (ask.cookie) this.#judgeAge(ask, ask.cookie);
    else {
      for (const act of this.#acts) {
        if (act.ask === ask) this.#judgeProlonged(ask, act);
      }
    }
  }

  finish(): void {
    const { fail, world } = this.#judge;
    const { truth } = world;
    if (truth.clock.wasSet(0, Infinity)) return;
    for (const [uid, moments] of truth.moments) {
      const end = truth.ends.get(uid);
      const last = moments.findLast(({ record }) => record !== undefined);
      if (end === undefined || last === undefined || truth.lost.has(uid)) {
        continue;
      }
      const record = last.record!;
      // A session that is over by its new timeout has no record with that any more.
      const times = [
        record,
        ...this.#acts.filter((act) => act.uid === uid)
          .map(({ timeout }) => ({ ...record, absoluteTimeout: timeout })),
      ].map(endOf);
      const isRight = end.reason === "absolute"
        ? times.some((time) => Math.abs(end.at - time) <= 1)
        : end.reason !== "idle" || end.at <= Math.max(...times);
      if (isRight) continue;
      const name = world.nameOf(uid);
      fail(2, `${name} ends ${end.reason}, and not at its absolute timeout`);
    }
  }

  #judgeAge({ name, cookieAge, ...ask }: Ask, token: string): void {
    const { fail, world: { truth } } = this.#judge;
    const records = this.#recordsOf(token.slice(0, 32), ask);
    if (records.length === 0) return;
    if (!records.every(({ isRemembered }) => isRemembered)) return;
    const at = truth.clock.at(ask.answeredAt!);
    const needed = Math.min(
      LONGEST,
      ...records.map((each) => endOf(each) - at),
    );
    if ((cookieAge ?? 0) * 1000 >= needed - SLACK) return;
    fail(
      13,
      `the cookie of ${name} ends after ${cookieAge} s, not ${needed} ms`,
    );
  }

  /** A longer absolute timeout needs a cookie that is kept longer. */
  #judgeProlonged(ask: Ask, { uid, timeout }: TimeoutAct): void {
    const { fail, world: { truth } } = this.#judge;
    const [token] = ask.tokens;
    if (ask.tokens.length !== 1 || !token!.startsWith(uid)) return;
    if (ask.step.isHead) return;
    const { arrivedAt, answeredAt } = ask;
    const isCurrent = [...truth.statusesIn(token!, arrivedAt, answeredAt!)]
      .every((each) => each === "current");
    const records = this.#recordsOf(uid, ask);
    const isLonger = records.every((each) =>
      each.isRemembered &&
      (each.absoluteTimeout < timeout ||
        Math.round(each.absoluteTimeout) === timeout)
    );
    // What another request of the process has done counts before it is written.
    const isOfOthers = this.#judge.world.asks.some((other) =>
      other !== ask && other.life === ask.life &&
      other.arrivedAt <= answeredAt! &&
      (other.answeredAt ?? Infinity) >= arrivedAt &&
      (other.loggedIn?.uid === uid || other.left?.uid === uid ||
        other.step.action === "endAll" ||
        this.#acts.some((act) => act.ask === other && act.uid === uid))
    );
    if (!isCurrent || !isLonger || isOfOthers) return;
    fail(13, `the cookie of ${ask.name} ends before its session`);
  }

  #recordsOf(
    uid: string,
    { arrivedAt, answeredAt }: Pick<Ask, "arrivedAt" | "answeredAt">,
  ): StoredSession[] {
    return this.#judge.world.truth.recordsIn(uid, arrivedAt, answeredAt!)
      .flatMap(({ record }) => record ?? []);
  }

  /** Whether the clocks were right, and no message was long on its way. */
  #isCalm({ life, answeredAt }: Ask): boolean {
    const { world } = this.#judge;
    return !world.wasSet(life, 0, answeredAt!) &&
      !life.host.hasStood(0, answeredAt!) &&
      world.plan.rates.slow === 0 && world.plan.rates.doubled === 0;
  }
}

/** Returns when the absolute timeout of a session is over, by the store's clock. */
function endOf(
  { authenticatedAt, createdAt, absoluteTimeout }: StoredSession,
): number {
  return (authenticatedAt ?? createdAt) + absoluteTimeout;
}
