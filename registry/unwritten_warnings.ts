import type { Clock } from "../base/clock.ts";
import { monotonic } from "../base/moment.ts";
import type { Session } from "../session.ts";
import type { Wake } from "./warning_wakes.ts";

/** The first wake of a warning, and when the warning was registered. */
interface FirstWake {
  readonly wake: Wake;
  /** The time by each clock: one may be set, the other may stand still. */
  readonly times: readonly number[];
}

/** Warnings by name whose callbacks are not in the records of their sessions yet. */
export class UnwrittenWarnings {
  readonly #clock: Clock;
  /** The first wakes by the ids of the callbacks. */
  readonly #wakes = new WeakMap<Session, Map<string, FirstWake>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds a warning when its callback is registered. */
  add(session: Session, wake: Wake): void {
    const wakes = this.#wakes.get(session) ?? new Map();
    this.#wakes.set(session, wakes.set(wake.id, { wake, times: this.#now() }));
  }

  /**
   * Removes warnings whose callbacks were written.
   *
   * @param age Milliseconds.
   * @returns the first wakes of those that were registered as long ago.
   */
  take(
    session: Session,
    callbacks: readonly { readonly id: string }[],
    age: number,
  ): Wake[] {
    const wakes = this.#wakes.get(session);
    if (wakes === undefined) return [];
    const now = this.#now();
    return callbacks.flatMap(({ id }) => {
      const first = wakes.get(id);
      wakes.delete(id);
      const isOld = first?.times.some((time, index) =>
        now[index]! >= time + age
      );
      return isOld ? first!.wake : [];
    });
  }

  #now(): readonly number[] {
    return [this.#clock.now(), monotonic(this.#clock)];
  }
}
