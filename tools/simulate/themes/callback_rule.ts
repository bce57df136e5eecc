import type { SessionEnd } from "../../../session.ts";
import type { Life } from "../host.ts";
import type { Act, CallbackAct } from "./act.ts";
import type { Judge, Rule } from "./rule.ts";

/**
 * Named callbacks under a key (promise 16): the last one is called or reported, and
 * none that was replaced or taken back before the end.
 */
export class CallbackRule implements Rule {
  readonly #judge: Judge;
  readonly #acts: CallbackAct[] = [];
  readonly #billed = new Map<string, number>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onAct(act: Act): void {
    if (act.kind === "callback") this.#acts.push(act);
  }

  onBilled(life: Life, argument: string, { uid }: SessionEnd): void {
    const { now } = life.host;
    const before = this.#billed.get(argument);
    if (before === undefined) this.#billed.set(argument, now);
    const act = this.#acts.find(({ ask }) => ask.name === argument);
    if (act === undefined) return;
    const { ask } = act;
    if (act.isTakenBack && ask.status === 200 && this.#isBefore(act, uid)) {
      this.#judge.fail(16, `${argument} is billed, and was taken back`);
    }
    const other = this.#successorsOf(act).find((other) =>
      ask.answeredAt !== undefined && other.at > ask.answeredAt &&
      other.ask.status === 200 && this.#isBefore(other, uid)
    );
    if (other !== undefined) {
      const { name } = other.ask;
      this.#judge.fail(16, `${argument} is billed, and ${name} replaced it`);
    }
  }

  finish(): void {
    const { isReported, world: { truth } } = this.#judge;
    for (const act of this.#acts) {
      const { ask, uid, isTakenBack } = act;
      const { name } = ask;
      if (ask.status !== 200 && !ask.hasThrown) continue;
      // The session that it made may have waited for the store to be ended.
      if (ask.hasThrown && ask.life.crashedAt !== undefined) continue;
      if (isTakenBack || this.#billed.has(name)) continue;
      if (!truth.moments.has(uid) || isReported(uid, "bill")) continue;
      if (truth.lost.has(uid)) continue;
      if (this.#successorsOf(act).length > 0) continue;
      this.#judge.fail(16, `the callback of ${name} is lost`);
    }
  }

  /** Whether the answer came before the end of the session. */
  #isBefore({ ask }: CallbackAct, uid: string): boolean {
    const { truth } = this.#judge.world;
    const end = truth.ends.get(uid);
    return ask.answeredAt !== undefined && end !== undefined &&
      !truth.wasOver(uid, ask.answeredAt, ask.answeredAt);
  }

  /** Returns the acts that may have replaced a callback, or taken it back. */
  #successorsOf(act: CallbackAct): readonly CallbackAct[] {
    return this.#acts.filter((other) =>
      other !== act && other.uid === act.uid && other.key === act.key &&
      (other.ask.answeredAt ?? Infinity) >= act.at
    );
  }
}
