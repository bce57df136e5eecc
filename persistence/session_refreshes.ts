import type { SessionRegistry } from "../registry/session_registry.ts";
import { isObserved, isStreaming } from "../session/session_parts.ts";
import type { Session } from "../session.ts";
import type { ChangeNotification } from "../stores/store.ts";
import { Alarm } from "../timing/expiry_queue.ts";
import type { RecordLoader } from "./record_loader.ts";
import type { StoreBreaker } from "./store_breaker.ts";
import type { PerPart } from "./store_parts.ts";

/**
 * Milliseconds from a notification to the load. Several changes cost one load, and
 * the answer to a write of this process comes first.
 */
const REFRESH_AFTER = 100;

/**
 * The most unobserved sessions that are loaded at once. The others are loaded by
 * their next request: most sessions of a busy site are live in several processes,
 * and each change would cost each process a load.
 */
const MAX_UNOBSERVED = 10;

/**
 * Milliseconds between two sweeps: sessions with open streams are loaded though no
 * change was notified, since a notification may be lost.
 */
const SWEEP_EVERY = 1000;

/** The most sessions that a sweep checks, and the most that it loads. */
const SWEEP_SIZE = 1000;
const MAX_SWEPT = 100;

/** The objects that refreshes use. */
export interface SessionRefreshesParts {
  readonly loader: RecordLoader;
  readonly breakers: PerPart<StoreBreaker>;
  /** Loads a session; rejects if the store does not answer. */
  reload(session: Session): Promise<void>;
}

/** Loads live sessions that other processes have changed. */
export class SessionRefreshes {
  readonly #registry: SessionRegistry;
  readonly #parts: SessionRefreshesParts;
  readonly #alarm: Alarm;
  /** The versions that other processes have written. */
  readonly #due = new Map<Session, number>();
  /** The position from which the next sweep continues. */
  #rest: Iterator<Session> | undefined = undefined;
  #sweptAt = -Infinity;
  #isStopped = false;

  constructor(registry: SessionRegistry, parts: SessionRefreshesParts) {
    this.#registry = registry;
    this.#parts = parts;
    this.#alarm = new Alarm(registry.clock, () => this.#run());
  }

  /** Records a change of a session, in any process. */
  note({ uid, version }: ChangeNotification): void {
    const session = this.#registry.sessions.get(uid);
    if (session === undefined || this.#isStopped) return;
    if (!this.#isBehind(session, version)) return;
    this.#due.set(session, Math.max(version, this.#due.get(session) ?? 0));
    this.#alarm.setFor(this.#registry.clock.now() + REFRESH_AFTER);
  }

  /** Loads some sessions with open streams, at most once a second. */
  sweep(): void {
    const now = this.#registry.clock.now();
    // A round of the poll may come a little early. The clock may have been set back.
    const since = Math.abs(now - this.#sweptAt);
    if (this.#isStopped || since < 0.9 * SWEEP_EVERY) return;
    this.#sweptAt = now;
    const sessions = this.#rest ??= this.#registry.sessions.values();
    let loads = 0;
    for (let index = 0; index < SWEEP_SIZE && loads < MAX_SWEPT; index++) {
      const { done, value: session } = sessions.next();
      if (done) return void (this.#rest = undefined);
      if (!isStreaming(session)) continue;
      if (this.#parts.breakers.of(session.uid).isOpen) continue;
      loads++;
      this.#parts.reload(session).catch(() => {});
    }
  }

  /** Stops loading. */
  stop(): void {
    this.#isStopped = true;
    this.#alarm.clear();
    this.#due.clear();
  }

  #run(): void {
    const due = [...this.#due];
    this.#due.clear();
    let unobserved = 0;
    for (const [session, version] of due) {
      if (!session.isActive || !this.#isBehind(session, version)) continue;
      if (!isObserved(session) && ++unobserved > MAX_UNOBSERVED) continue;
      // A failure has been reported; the next request loads the session anyway.
      this.#parts.reload(session).catch(() => {});
    }
  }

  #isBehind(session: Session, version: number): boolean {
    const state = this.#parts.loader.states.get(session);
    return state?.isCreated === true && state.version < version;
  }
}
