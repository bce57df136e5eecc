import type { Clock } from "../base/clock.ts";
import type { Session } from "../session.ts";
import { Alarm } from "../timing/alarm.ts";

/** The longest that a touch outside of a request waits to be written, in ms. */
const TOUCH_WAIT = 1000;

/** Milliseconds before a failed write is repeated. */
const REPEAT_AFTER = 1000;

/** The sessions that must be written without a request, and the times for that. */
export class WriteSchedule {
  /** The sessions with new changes to write. */
  readonly changed: ReadonlySet<Session>;
  readonly #changed = new Set<Session>();
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #touched = new Set<Session>();
  /** Sessions whose last write failed; requests of other sessions do not wait. */
  readonly #failed = new Set<Session>();
  #isStopped = false;

  /** @param write Writes a session; called for each one when the time has come. */
  constructor(clock: Clock, write: (session: Session) => void) {
    this.changed = this.#changed;
    this.#clock = clock;
    this.#alarm = new Alarm(clock, () => this.#waiting().forEach(write));
  }

  /** Whether writing without a request has stopped. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Records that a session must be created, or has changes: for the next turn. */
  noteChanged(session: Session): void {
    this.#changed.add(session);
    this.#writeIn(0);
  }

  /** Records that a session was touched. */
  noteTouched(session: Session): void {
    this.#touched.add(session);
    this.#writeIn(Math.min(TOUCH_WAIT, session.sessionTimeout * 250));
  }

  /** Records that the application may change a value inside. */
  noteRead(session: Session): void {
    this.#touched.add(session);
    this.#writeIn(TOUCH_WAIT);
  }

  /** Records that a write failed, and must be repeated. */
  noteFailed(session: Session): void {
    this.#failed.add(session);
    this.#writeIn(REPEAT_AFTER);
  }

  /** Records that a write begins with all changes of a session. */
  begin(session: Session): void {
    this.#changed.delete(session);
    this.#touched.delete(session);
  }

  /** Records that a failed write need not be repeated. */
  settle(session: Session): void {
    this.#failed.delete(session);
  }

  /** Forgets that a session has new changes. */
  dropChanges(session: Session): void {
    this.#changed.delete(session);
  }

  /** Forgets that a session was touched. */
  dropTouch(session: Session): void {
    this.#touched.delete(session);
  }

  /** Forgets a session. */
  forget(session: Session): void {
    this.begin(session);
    this.settle(session);
  }

  /** Stops the timer; returns the sessions that are not written yet. */
  stop(): Session[] {
    this.#isStopped = true;
    this.#alarm.clear();
    return this.#waiting();
  }

  #waiting(): Session[] {
    return [
      ...new Set([...this.#changed, ...this.#touched, ...this.#failed]),
    ];
  }

  #writeIn(delay: number): void {
    if (!this.#isStopped) this.#alarm.setFor(this.#clock.now() + delay);
  }
}
