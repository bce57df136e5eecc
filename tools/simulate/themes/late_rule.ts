import type {
  ClaimedEnd,
  Claims,
  StoredSession,
} from "../../../stores/store.ts";
import type { Write } from "../ask.ts";
import type { Life } from "../host.ts";
import type { StoreCall } from "../wire.ts";
import type { Act, LateAct } from "./act.ts";
import type { Judge, Rule, States } from "./rule.ts";

/**
 * Changes after the response has begun: each value is written, and each named
 * callback is called, or a failure is reported (promises 16 and 17).
 */
export class LateRule implements Rule {
  readonly #judge: Judge;
  readonly #writes: Write[] = [];
  readonly #acts: LateAct[] = [];
  readonly #billed = new Set<string>();
  /** The values that records have had. */
  readonly #written = new Set<string>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onWrite(write: Write): void {
    this.#writes.push(write);
  }

  onAct(act: Act): void {
    if (act.kind === "late") this.#acts.push(act);
  }

  onBilled(_life: Life, argument: string): void {
    this.#billed.add(argument);
  }

  onChange(_uid: string, { after }: States): void {
    this.#noteValues(after);
  }

  /**
   * The write of a value may undo a touch by which the session lived. Then the value
   * is in the record of the end alone.
   */
  onCall({ name }: StoreCall, answer: unknown): void {
    if (name === "end") this.#noteValues((answer as ClaimedEnd)?.session);
    if (name !== "claim") return;
    const { ends } = answer as Claims;
    for (const { session } of ends) this.#noteValues(session);
  }

  finish(): void {
    this.#judgeValues();
    this.#judgeCallbacks();
  }

  #noteValues(record: StoredSession | undefined): void {
    for (const text of record?.values.values() ?? []) this.#written.add(text);
  }

  #judgeCallbacks(): void {
    const { fail, isReported, world } = this.#judge;
    for (const { life, uid, name } of this.#acts) {
      if (life.crashedAt !== undefined || this.#billed.has(name)) continue;
      if (!world.truth.moments.has(uid) || world.truth.lost.has(uid)) continue;
      if (isReported(uid, "bill")) continue;
      fail(16, `the callback of ${name} is lost`);
    }
  }

  #judgeValues(): void {
    const { fail, isReported, world } = this.#judge;
    const { truth } = world;
    for (const write of this.#writes) {
      const { ask, uid, key, value, isLate } = write;
      // A program that has crashed cannot report its unwritten changes.
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
  #isOverwritten(write: Write): boolean {
    const { ask, uid, key } = write;
    const last = this.#writes.findLast((other) =>
      other.ask.life === ask.life && other.uid === uid && other.key === key
    );
    return last !== write;
  }
}
