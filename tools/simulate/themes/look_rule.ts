import type { Write } from "../ask.ts";
import { KEYS } from "../keys.ts";
import type { Act, LookAct } from "./act.ts";
import type { Judge, Rule } from "./rule.ts";
import { isUndisturbed, LATEST_NEWS } from "./undisturbed.ts";

/**
 * What background code sees of a session (promise 19): a change in another process
 * within a second, and at once after `reload()`.
 */
export class LookRule implements Rule {
  readonly #judge: Judge;
  readonly #writes: Write[] = [];

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onWrite(write: Write): void {
    this.#writes.push(write);
  }

  onAct(act: Act): void {
    if (act.kind !== "look") return;
    const { at, life, uid, reloadedAt } = act;
    const { fail, world } = this.#judge;
    const { truth } = world;
    const from = reloadedAt ?? at - LATEST_NEWS;
    const isSeen = reloadedAt !== undefined ||
      isUndisturbed(world, { life, from, at });
    if (!isSeen) return;
    if (truth.wasOver(uid, from, at) || truth.isMadeAgain(uid)) return;
    const how = reloadedAt === undefined ? "" : " after reload()";
    const records = truth.recordsIn(uid, from, at).map(({ record }) => record!);
    if (!records.some(({ principal }) => principal === act.principal)) {
      const isOwn = world.asks.some(({ loggedIn, ...ask }) =>
        ask.life === life && loggedIn?.uid === uid && loggedIn.at <= at &&
        (ask.answeredAt ?? Infinity) >= from
      );
      if (!isOwn) {
        fail(
          19,
          `${life.name} sees the principal of ${
            world.nameOf(uid)
          } as ${act.principal}${how}`,
        );
      }
    }
    for (const key of KEYS) {
      const value = act.values.get(key);
      const isStored = records.some(({ values }) => {
        const text = values.get(key);
        return (text === undefined ? undefined : JSON.parse(text.slice(1))) ===
          value;
      });
      if (isStored || this.#isOwn(act, from, { key, value })) continue;
      fail(
        19,
        `${life.name} sees "${key}" of ${world.nameOf(uid)} as ${value}${how}`,
      );
    }
  }

  /** Whether the value was set here, and may not be written yet. */
  #isOwn(
    { life, uid, at }: LookAct,
    from: number,
    { key, value }: { readonly key: string; readonly value: unknown },
  ): boolean {
    return this.#writes.some((write) =>
      write.ask.life === life && write.uid === uid && write.key === key &&
      write.value === value && write.at <= at &&
      (write.isLate || (write.ask.answeredAt ?? Infinity) >= from)
    );
  }
}
