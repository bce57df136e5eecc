import type { StoredSession } from "../../../stores/store.ts";
import type { Ask } from "../ask.ts";
import type { Act, UpdateAct } from "./act.ts";
import type { Judge, Rule, States } from "./rule.ts";
import { NAMES } from "./value_actions.ts";

/** Updates of a list: each one that is acknowledged counts, and once (promise 17). */
export class UpdateRule implements Rule {
  readonly #judge: Judge;
  readonly #acts: UpdateAct[] = [];
  /**
   * The last list of each session, also of one that is over: a store whose clock is
   * set back has it again.
   */
  readonly #names = new Map<string, readonly string[]>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onAct(act: Act): void {
    if (act.kind === "update") this.#acts.push(act);
  }

  onChange(
    uid: string,
    { before, after }: States,
  ): void {
    if (after === undefined) return;
    const old = this.#names.get(uid) ?? [];
    const names = namesOf(after);
    this.#names.set(uid, names);
    if (`${names}` === `${old}`) return;
    const isLonger = names.length === old.length + 1 &&
      old.every((name, index) => name === names[index]);
    const name = names.at(-1)!;
    if (!isLonger || old.includes(name)) {
      return this.#judge.fail(
        17,
        `the updates of ${
          this.#judge.world.nameOf(uid)
        } become ${names}, not one more than ${old}`,
      );
    }
    const act = this.#acts.find(({ ask }) => ask.name === name);
    if (act?.ask.status !== 503 || before === undefined) return;
    // A program whose clock is set forward gives up earlier than the store does.
    const { world } = this.#judge;
    if (world.truth.clock.wasSet(act.ask.arrivedAt, Infinity)) return;
    this.#judge.fail(17, `${name} updates though it was answered 503`);
  }

  onAnswered(ask: Ask): void {
    if (ask.status !== 200) return;
    const { fail } = this.#judge;
    for (const { uid, answer } of this.#acts.filter((act) => act.ask === ask)) {
      const moments = this.#judge.world.truth.moments.get(uid);
      // A session of one request alone is in no store.
      if (moments === undefined) continue;
      const states = moments.map(({ record }) =>
        record === undefined ? [] : namesOf(record)
      );
      const state = states.find((names) => names.includes(ask.name));
      if (state === undefined) {
        fail(17, `${ask.name} is acknowledged, and its update is not written`);
      } else if (`${state}` !== `${answer}`) {
        fail(17, `the update of ${ask.name} answers ${answer}, not ${state}`);
      }
    }
  }
}

function namesOf({ values }: StoredSession): readonly string[] {
  const text = values.get(NAMES.name);
  return text === undefined ? [] : JSON.parse(text.slice(1));
}
