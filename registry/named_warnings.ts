import { isPromiseLike, type MaybePromise, proceed } from "../base/promises.ts";
import { describe } from "../base/describe.ts";
import { randomId } from "../base/ids.ts";
import type {
  NamedCallback,
  NamedRegistration,
} from "../session/named_callback.ts";
import type { Session, SessionEnd } from "../session.ts";
import type { HeldKey, HoldBackend } from "./hold_backend.ts";
import { UnwrittenWarnings } from "./unwritten_warnings.ts";
import {
  callbackOf,
  deadlineOf,
  type ExpectedEnd,
  isKnown,
  isWake,
  keyOf,
  SAME,
  type Wake,
  WARNING,
  warningOf,
  type WarningRegistry,
} from "./warning_wakes.ts";

/**
 * The least milliseconds until the first wake. By then the session is written most
 * often. A warning whose callback is written later begins again.
 */
const FIRST = 1000;

/**
 * The longest milliseconds between two checks of a session whose deadline is far
 * away.
 */
const LONGEST = 3_600_000;

/**
 * How often a session is checked while the key of the next hold is taken, by the
 * slot of that key. Of two ends that wait for each other, one waits longer.
 */
const TRIES = [10, 30] as const;

/** Milliseconds between two of these checks. */
const PAUSE = 100;

/**
 * Warnings by name, which outlive the process.
 *
 * A session keeps each warning as a named callback, which does nothing at the
 * session's end. A hold without a session ends when the warning is due, and the
 * process that delivers this end checks the session. If a visit has postponed the
 * deadline, the process takes the next hold. If not, it takes a hold until the
 * deadline, and calls the callback. So stores need no second due time for a
 * session, and a visit writes nothing more.
 */
export class NamedWarnings {
  readonly #registry: WarningRegistry;
  readonly #holds: HoldBackend;
  /** The first holds that are being taken; these promises never reject. */
  readonly #beginning = new Map<Session, Promise<void>>();
  readonly #unwritten: UnwrittenWarnings;

  constructor(registry: WarningRegistry, holds: HoldBackend) {
    this.#registry = registry;
    this.#holds = holds;
    this.#unwritten = new UnwrittenWarnings(registry.clock);
    registry.delivery.register(WARNING, (wake, end) => {
      return isWake(end) ? this.#wake(wake as Wake, end) : undefined;
    });
  }

  /**
   * Registers a warning `lead` milliseconds before the end of a session.
   *
   * @returns a function that removes the warning.
   */
  add(session: Session, lead: number, warning: NamedRegistration): () => void {
    const { name, argument } = warning;
    const callback = callbackOf(this.#registry.namedCallbacks, lead, warning);
    this.#change(session, callback, false);
    const { uid } = session;
    const id = this.#registry.backend.idOfCallback(callback.key);
    const rest = { uid, id, lead, name, argument };
    const wake = { ...rest, warnedOf: 0, slot: 0 } as const;
    // Without a store nothing is written.
    if (this.#holds.confirm !== undefined) this.#unwritten.add(session, wake);
    this.#begin(session, wake);
    return () => {
      if (session.isActive) this.#change(session, callback, true);
    };
  }

  #change(session: Session, callback: NamedCallback, isRemoved: boolean): void {
    this.#registry.backend.changed(session, {
      kind: "callback",
      callback,
      isRemoved,
    });
  }

  /** Takes the first hold, unless the warning has a hold already. */
  #begin(session: Session, wake: Wake): void {
    const { clock, backend, site } = this.#registry;
    // A session that ends with its request keeps no callbacks.
    if (!backend.hasCallback(session, wake.id)) return;
    const due = session.expiresAt * 1000 - wake.lead - clock.now();
    const other = { ...wake, slot: 1 } as const;
    const done = () => {};
    const failed = (error: unknown) => site.reportError(error, { session });
    try {
      const began = proceed(
        this.#holds.find(keyOf(other)),
        (held): MaybePromise<unknown> =>
          held === undefined && this.#take(wake, Math.max(due, FIRST)),
      );
      if (isPromiseLike(began)) this.#await(session, began.then(done, failed));
    } catch (error) {
      failed(error);
    }
  }

  /**
   * Begins warnings again whose first holds may have ended before their callbacks
   * were written: a check has found a session without the callback then.
   *
   * @param callbacks Those that a write has put into the record of a session.
   */
  noteWritten(
    session: Session,
    callbacks: readonly { readonly id: string }[],
  ): void {
    for (const wake of this.#unwritten.take(session, callbacks, FIRST)) {
      const failed = (error: unknown) =>
        this.#registry.site.reportError(error, { session });
      this.#await(session, this.#beginAgain(session, wake).catch(failed));
    }
  }

  /** Takes the first hold once more, unless the warning has a hold. */
  async #beginAgain(session: Session, wake: Wake): Promise<void> {
    const other = keyOf({ ...wake, slot: 1 });
    for (let tries = 0; tries < TRIES[0]; tries++) {
      // The check that has found no callback may be under way.
      if (tries > 0) await this.#pause();
      if (await this.#holds.find(other) !== undefined) return;
      const due = session.expiresAt * 1000 - wake.lead;
      const delay = Math.max(due - this.#registry.clock.now(), 1);
      if (await this.#follow(wake, delay) !== undefined) return;
    }
  }

  #await(session: Session, began: PromiseLike<void>): void {
    const before = this.#beginning.get(session);
    const all = Promise.all([before, began]).then(() => {
      if (this.#beginning.get(session) === all) this.#beginning.delete(session);
    });
    this.#beginning.set(session, all);
  }

  /**
   * Waits until the warnings of a session will be given, whatever becomes of this
   * process; or until that has failed and is reported.
   */
  whenBegun(session: Session): MaybePromise<void> {
    return this.#beginning.get(session);
  }

  /** Waits for the warnings of all sessions. */
  async whenAllBegun(): Promise<void> {
    await Promise.all(this.#beginning.values());
  }

  #take(
    wake: Wake,
    delay: number,
    replaces?: number,
  ): MaybePromise<HeldKey | undefined> {
    const hold = {
      key: keyOf(wake),
      holder: undefined,
      id: randomId(),
      length: Math.ceil(Math.min(delay, LONGEST)),
      callback: { name: WARNING, argument: wake },
    };
    return this.#holds.take(hold, replaces);
  }

  /**
   * Has a warning given in time for an end that a check may have found postponed.
   *
   * @param id The id of the callback of the warning.
   * @returns when the next check is due, in UNIX milliseconds; 0 if it is not known.
   */
  async expect(
    session: Session,
    id: string,
    end: ExpectedEnd,
  ): Promise<number> {
    const { clock } = this.#registry;
    for (let tries = 0; tries < TRIES[0]; tries++) {
      // Between two holds a check is under way.
      if (tries > 0) await this.#pause();
      for (const slot of [0, 1] as const) {
        const key = keyOf({ uid: session.uid, id, slot });
        const held = await this.#holds.find(key);
        if (held === undefined) continue;
        const wake = held.argument as Wake;
        const due = end.deadline - wake.lead;
        const isInTime = end.shown === undefined && held.until <= due + SAME;
        if (isInTime || isKnown(end, wake)) return held.until;
        const expected = { ...wake, expected: end };
        const delay = Math.max(due - clock.now(), 1);
        const taken = await this.#take(expected, delay, held.fence);
        if (taken !== undefined) return taken.until;
      }
    }
    return 0;
  }

  /**
   * Checks a session at the end of a hold: its warning may be due now.
   *
   * The key of the next hold is that of the hold before, and stays taken until the
   * end of that hold is acknowledged. If it ended a moment ago, this waits for it.
   *
   * @throws {Error} If it waits in vain; then the end is delivered again.
   */
  async #wake(wake: Wake, end: SessionEnd): Promise<void> {
    const { expected: _, ...rest } = wake;
    const next = { ...rest, slot: wake.slot === 0 ? 1 : 0 } as const;
    for (let tries = 0; tries < TRIES[next.slot]; tries++) {
      if (tries > 0) await this.#pause();
      if (await this.#check(wake, next, end)) return;
    }
    // After a failure, another end may have the key, which continues the warning.
    if (end.attempt > 1) return;
    throw new Error(
      `Cannot wait for the warning by ${
        describe(wake.name)
      }: the check before is not acknowledged`,
    );
  }

  /** Returns false if the key of the next hold is taken by a hold that has ended. */
  async #check(wake: Wake, next: Wake, end: SessionEnd): Promise<boolean> {
    const { backend, clock } = this.#registry;
    const session = await backend.find(wake.uid);
    if (session === undefined || !backend.hasCallback(session, wake.id)) {
      return true;
    }
    // The answer may have come when another process checks the warning.
    if (!await this.#isHere(end)) return true;
    const deadline = deadlineOf(wake, session.expiresAt * 1000);
    const left = deadline - clock.now();
    // A request under way keeps the session beyond its deadline.
    const isWarned = Math.abs(deadline - wake.warnedOf) < SAME;
    if (isWarned || left > wake.lead) {
      const delay = isWarned ? Math.max(left, FIRST) : left - wake.lead;
      return await this.#follow(next, delay) !== undefined;
    }
    const warning = { ...next, warnedOf: deadline };
    const held = await this.#follow(warning, Math.max(left, FIRST));
    if (held === undefined) return false;
    // The next hold, which is there already after a failure, warns of the deadline:
    // a visit had postponed the end before. A next hold that is older than this one
    // has the warning: this one was taken by a call that was given up.
    const isOlder = held.fence < end.hold!.fence;
    if (isOlder || deadline > held.until + SAME) return true;
    const callback = this.#registry.warningCallbacks.get(wake.name);
    if (callback === undefined) {
      throw new Error(
        `No callback ${describe(wake.name)} is registered by onWarning()`,
      );
    }
    if (!await this.#isHere(end)) return true;
    await callback(wake.argument, warningOf(session, deadline / 1000));
    return true;
  }

  /** Returns whether this process still delivers the end of a hold. */
  async #isHere(end: SessionEnd): Promise<boolean> {
    return await this.#holds.confirm?.(end) ?? true;
  }

  /** Takes the next hold, or finds it after a failure. */
  async #follow(next: Wake, delay: number): Promise<HeldKey | undefined> {
    return await this.#take(next, delay) ??
      await this.#holds.find(keyOf(next));
  }

  #pause(): Promise<void> {
    return new Promise((done) =>
      void this.#registry.clock.setTimeout(done, PAUSE)
    );
  }
}
