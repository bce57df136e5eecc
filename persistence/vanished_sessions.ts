import { type MaybePromise, proceed } from "../base/promises.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import { OPEN_ACCESS } from "../session/internals.ts";
import type { Session, SessionEndReason } from "../session.ts";
import type { ClaimedEnd, SessionStore } from "../stores/store.ts";
import { Alarm } from "../timing/alarm.ts";
import { missingCallbacks } from "./callback_changes.ts";
import { ageOf } from "./pending_changes.ts";
import type { RecordLoader } from "./record_loader.ts";
import type { StoreBreaker } from "./store_breaker.ts";

/** Milliseconds for which vanished sessions are collected into one report. */
const REPORT_AFTER = 100;

/** The most sessions that a report names. */
const MAX_NAMES = 5;

/** The objects that vanished sessions use. */
export interface VanishedSessionsParts {
  readonly store: SessionStore;
  readonly breaker: StoreBreaker;
  readonly loader: RecordLoader;
  /** Milliseconds. */
  readonly lease: number;
  /** Ends a session in the store; returns nothing if it had ended there. */
  claim(
    uid: string,
    reason: SessionEndReason,
  ): MaybePromise<ClaimedEnd | undefined>;
}

/**
 * Sessions that are live here, and whose records are gone: a store was emptied or
 * has evicted them, or a failover has lost their creation.
 *
 * Only the store shows whether a session vanished or ended in another process: the
 * uid of an ended session stays taken for as long as the session can be live in any
 * process. So a process creates a new record that no token opens, and ends it. The
 * process whose creation succeeds delivers the end.
 */
export class VanishedSessions {
  readonly #registry: SessionRegistry;
  readonly #parts: VanishedSessionsParts;
  readonly #alarm: Alarm;
  readonly #unreported: Session[] = [];

  constructor(registry: SessionRegistry, parts: VanishedSessionsParts) {
    this.#registry = registry;
    this.#parts = parts;
    this.#alarm = new Alarm(registry.clock, () => this.report());
  }

  /**
   * Writes the end of a session whose record was not found, and claims it.
   *
   * @returns undefined if the session has not vanished, but ended in another
   * process.
   */
  claim(
    session: Session,
    reason: SessionEndReason,
  ): MaybePromise<ClaimedEnd | undefined> {
    const { store, breaker, loader, lease, claim } = this.#parts;
    const state = loader.states.get(session);
    if (state?.isCreated !== true) return undefined;
    const now = this.#registry.clock.now();
    const { tokens: _, ...access } = session[OPEN_ACCESS]();
    const callbacks = [...state.knownCallbacks.values()];
    const creating = breaker.call(() =>
      store.create({
        uid: session.uid,
        age: Math.max(0, now - session.createdAt * 1000),
        idle: 0,
        loginAge: ageOf(access.authenticatedAt, now),
        tokens: [],
        generation: access.generation,
        loginGeneration: access.loginGeneration,
        isRenewalDue: false,
        isRemembered: access.isRemembered,
        isSecure: session.isSecure,
        principal: access.principal,
        // It ends by itself if this process dies before the next step.
        sessionTimeout: lease,
        absoluteTimeout: Infinity,
        values: state.texts,
        callbacks,
      })
    );
    return proceed(creating, (times) => {
      if (times === undefined) return undefined;
      // The end calls those that the new record has.
      state.lastCallbacks = callbacks;
      const left = missingCallbacks(state.callbacks ?? {}, callbacks);
      state.callbacks = Object.keys(left).length === 0 ? undefined : left;
      this.#unreported.push(session);
      this.#alarm.setFor(this.#registry.clock.now() + REPORT_AFTER);
      return claim(session.uid, reason);
    });
  }

  /** Reports the sessions that have vanished since the last report. */
  report(): void {
    this.#alarm.clear();
    const sessions = this.#unreported.splice(0);
    const [first] = sessions;
    if (first === undefined) return;
    const names = sessions.slice(0, MAX_NAMES).map(({ uid }) => `"${uid}"`);
    const more = sessions.length - names.length;
    if (more > 0) names.push(`${more} more`);
    const noun = sessions.length === 1
      ? "A session has"
      : `${sessions.length} sessions have`;
    this.#registry.site.reportError(
      new Error(
        `${noun} vanished from the store, and ended here: ${names.join(", ")}`,
      ),
      { session: first },
    );
  }
}
