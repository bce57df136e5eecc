import type { Write } from "../ask.ts";
import type { Judge, Rule, States } from "./rule.ts";

/**
 * Values that are changed after the response has begun (promise 17): each one is
 * written, or a failure is reported.
 */
export class LateRule implements Rule {
  readonly #judge: Judge;
  readonly #writes: Write[] = [];
  /** The values that records have had. */
  readonly #written = new Set<string>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onWrite(write: Write): void {
    this.#writes.push(write);
  }

  onChange(_uid: string, { after }: States): void {
    for (const text of after?.values.values() ?? []) this.#written.add(text);
  }

  finish(): void {
    const { fail, isReported, world } = this.#judge;
    const { truth } = world;
    for (const write of this.#writes) {
      const { ask, uid, key, value, isLate } = write;
      // A program that crashes cannot report what it has not written yet.
      if (!isLate || ask.life.crashedAt !== undefined) continue;
      // A session of one request alone is in no store.
      if (!truth.moments.has(uid) || truth.lost.has(uid)) continue;
      if (this.#written.has(`j"${value}"`) || this.#isOverwritten(write)) {
        continue;
      }
      if (isReported(uid, `"${key}"`)) continue;
      fail(
        17,
        `${ask.name} sets "${key}" of ${world.nameOf(uid)}, and it is lost`,
      );
    }
  }

  /** Whether the program has set the value again, before or after it was written. */
  #isOverwritten({ ask, uid, key, at }: Write): boolean {
    return this.#writes.some((other) =>
      other.ask.life === ask.life && other.uid === uid && other.key === key &&
      other.at > at
    );
  }
}
