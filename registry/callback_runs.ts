import { type Clock, LONGEST_DELAY } from "../base/clock.ts";
import { isPromiseLike } from "../base/promises.ts";
import type { Session, SessionEndReason } from "../session.ts";
import { Alarm } from "../timing/expiry_queue.ts";

/** Milliseconds after which a promise of a callback counts as hanging. */
const HANGS_AFTER = 10_000;

/** A promise that has not settled. */
interface Pending {
  readonly session: Session | undefined;
  /** When it began, in UNIX milliseconds; Infinity if it may take any time. */
  readonly since: number;
  isReported: boolean;
}

/** The members of the registry's site that callbacks use. */
export interface CallbackSite {
  readonly clock: Clock;
  reportError(error: unknown, context: object): void;
}

/** Calls the callbacks of sessions, reports their errors, and tracks their promises. */
export class CallbackRuns {
  readonly #site: CallbackSite;
  readonly #pending = new Map<Promise<unknown>, Pending>();
  readonly #alarm: Alarm;
  #isStopped = false;

  constructor(site: CallbackSite) {
    this.#site = site;
    this.#alarm = new Alarm(site.clock, () => this.#reportHanging());
  }

  /** Calls a callback, reports its errors, and watches its promise. */
  run<T>(
    callback: (argument: T) => unknown,
    argument: T,
    session: Session,
  ): void {
    // Without callGuarded(): ends within ends nest deep, and each frame costs stack.
    try {
      this.#mind(callback(argument), session);
    } catch (error) {
      this.#site.reportError(error, { session });
    }
  }

  /** Calls `expire()` of a session as {@linkcode run} calls a callback. */
  expire(session: Session, reason: SessionEndReason): void {
    // Without a closure: a crowd of sessions may end at once.
    try {
      this.#mind(session.expire(reason), session);
    } catch (error) {
      this.#site.reportError(error, { session });
    }
  }

  #mind(result: unknown, session: Session): void {
    if (!isPromiseLike(result)) return;
    this.watch(
      Promise.resolve(result).catch((error) =>
        this.#site.reportError(error, { session })
      ),
      session,
    );
  }

  /**
   * Makes `close()` wait for a promise, which must not reject.
   *
   * @param session The session whose callback it is, to be named if it is late.
   */
  track(
    promise: Promise<unknown>,
    session: Session | undefined,
    since = Infinity,
  ): void {
    const pending = promise.finally(() => {
      this.#pending.delete(pending);
      if (this.#pending.size === 0) this.#alarm.clear();
    });
    this.#pending.set(pending, { session, since, isReported: false });
  }

  /** Tracks the promise of a callback, and reports it if it does not settle. */
  watch(promise: Promise<unknown>, session: Session): void {
    const now = this.#site.clock.now();
    this.track(promise, session, now);
    if (!this.#isStopped) this.#alarm.setFor(now + HANGS_AFTER, now);
  }

  /** The number of promises of callbacks that have not settled for 10 s. */
  get hanging(): number {
    if (this.#isStopped) return 0;
    const before = this.#site.clock.now() - HANGS_AFTER;
    return [...this.#pending.values()].filter(({ since }) => since <= before)
      .length;
  }

  /** Stops reporting promises that do not settle. */
  stop(): void {
    this.#isStopped = true;
    this.#alarm.clear();
  }

  /**
   * Waits for all promises, including those that are added meanwhile.
   *
   * @param seconds The longest wait; promises still pending then are dropped.
   * @returns the sessions of the dropped promises, each once.
   */
  async settle(seconds: number): Promise<Session[]> {
    const { clock } = this.#site;
    const isLate = Promise.withResolvers<void>();
    const delay = seconds * 1000;
    const timer = this.#pending.size === 0 || delay > LONGEST_DELAY
      ? undefined
      : clock.setTimeout(isLate.resolve, delay);
    // Keeps the process alive, unlike other timers of a clock.
    (timer as { ref?(): void } | undefined)?.ref?.();
    await Promise.race([this.#settleAll(), isLate.promise]);
    if (timer !== undefined) clock.clearTimeout(timer);
    const late = [...this.#pending.values()].flatMap(({ session }) =>
      session ?? []
    );
    this.#pending.clear();
    return [...new Set(late)];
  }

  async #settleAll(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending.keys());
  }

  /** Reports the promises that have begun to hang, each once. */
  #reportHanging(): void {
    const now = this.#site.clock.now();
    const hanging: Session[] = [];
    let next = Infinity;
    for (const pending of this.#pending.values()) {
      if (pending.isReported) continue;
      const hangsAt = pending.since + HANGS_AFTER;
      if (hangsAt > now) {
        next = Math.min(next, hangsAt);
        continue;
      }
      pending.isReported = true;
      hanging.push(pending.session!);
    }
    if (next < Infinity) this.#alarm.setFor(next, now);
    if (hanging.length === 0) return;
    const error = new Error(
      `Callbacks are still running after 10 s, at the end of session ${
        namesOf(hanging)
      }`,
    );
    this.#site.reportError(error, {});
  }
}

/** The most sessions that a sentence names. */
const MAX_NAMED = 10;

/** Returns uids for a sentence: all, or the first ten and the number of the others. */
export function namesOf(sessions: readonly Session[]): string {
  const { length } = sessions;
  const some = sessions.slice(0, MAX_NAMED).map(({ uid }) => `"${uid}"`)
    .join(", ");
  return length > MAX_NAMED ? `${some} and ${length - MAX_NAMED} others` : some;
}
