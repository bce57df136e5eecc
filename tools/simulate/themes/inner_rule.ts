import type { StoredSession } from "../../../stores/store.ts";
import type { Ask } from "../ask.ts";
import type { Act, PushAct } from "./act.ts";
import { LIST } from "./inner_actions.ts";
import type { Judge, Rule, States } from "./rule.ts";

/**
 * Changes inside of a value: each one that is acknowledged is written or reported,
 * and none is written over a change of another process, or over an update
 * (promise 17).
 */
export class InnerRule implements Rule {
  readonly #judge: Judge;
  readonly #acts: PushAct[] = [];
  /** The names that a list of a session has had, and may not get again. */
  readonly #gone = new Map<string, Set<string>>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onAct(act: Act): void {
    if (act.kind === "push") this.#acts.push(act);
  }

  onChange(uid: string, { before, after }: States): void {
    if (after === undefined) return;
    const { fail, world } = this.#judge;
    const old = before === undefined ? [] : listOf(before);
    const list = listOf(after);
    if (`${old}` === `${list}`) return;
    const gone = this.#gone.get(uid) ?? new Set();
    this.#gone.set(uid, gone);
    const isLonger = old.every((name, index) => name === list[index]);
    if (!isLonger && (old.includes(list[0]!) || !this.#isNew(list[0]))) {
      fail(
        17,
        `the list of ${world.nameOf(uid)} becomes ${list}, after ${old}`,
      );
    }
    for (const name of list) {
      if (gone.has(name)) {
        fail(17, `${name} is in the list again, after ${old}`);
      }
      if (old.includes(name) || before === undefined) continue;
      const act = this.#acts.find(({ ask }) => ask.name === name);
      // A store whose clock is set back makes writes that it should refuse.
      const isExact = !world.truth.clock.wasSet(0, Infinity);
      if (act?.ask.status === 503 && isExact) {
        fail(17, `${name} is in the list, and was answered 503`);
      }
    }
    for (const name of old) if (!list.includes(name)) gone.add(name);
  }

  onAnswered(ask: Ask): void {
    if (ask.status !== 200 && !ask.hasThrown) return;
    const { fail, isReported, world } = this.#judge;
    const { truth } = world;
    const to = ask.answeredAt!;
    for (const act of this.#acts.filter((one) => one.ask === ask)) {
      const { uid, at } = act;
      // A session of one request alone is in no store.
      if (!truth.moments.has(uid) || truth.wasOver(uid, at, to)) continue;
      const isThere = truth.recordsIn(uid, at, to).some(({ record }) =>
        record !== undefined && listOf(record).includes(ask.name)
      );
      if (isThere) continue;
      // A change inside may be dropped, and reported; an update may not.
      if (
        !act.isUpdate &&
        (isReported(uid, LIST) || this.#isReplaced(act, to))
      ) continue;
      fail(17, `${ask.name} is acknowledged, and is not in the list`);
    }
  }

  /** Whether a request has begun a list by this name. */
  #isNew(name: string | undefined): boolean {
    return this.#acts.some(({ ask, isFirst }) => isFirst && ask.name === name);
  }

  /**
   * Whether a request of the same process has begun another list since the request
   * got its own: the program has replaced its own object then, as without a store.
   */
  #isReplaced({ life, uid, ask }: PushAct, to: number): boolean {
    return this.#acts.some((other) =>
      other.isFirst && other.ask !== ask && other.life === life &&
      other.uid === uid && other.at >= ask.arrivedAt && other.at <= to
    );
  }
}

function listOf({ values }: StoredSession): readonly string[] {
  const text = values.get(LIST);
  return text === undefined ? [] : JSON.parse(text.slice(1));
}
