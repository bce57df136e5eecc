import type { BackendVisit, Lookup } from "../registry/session_backend.ts";
import type { NamedWarnings } from "../registry/named_warnings.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import {
  type ExpectedEnd,
  type Wake,
  WARNING,
} from "../registry/warning_wakes.ts";
import { PARTS } from "../session/internals.ts";
import type { Session } from "../session.ts";
import type { LoadedSession, StoredCallback } from "../stores/store.ts";
import type { RecordLoader } from "./record_loader.ts";
import { type StoredState, TOUCH_SLACK } from "./stored_state.ts";
import { decodeValue } from "./value_codec.ts";
import type { VisitsUnderWay } from "./visits_under_way.ts";

/** The objects that these warnings use. */
export interface PostponedWarningsParts {
  readonly warnings: NamedWarnings;
  readonly loader: RecordLoader;
  readonly visits: VisitsUnderWay;
  /** Loads a session again; rejects if the store does not answer. */
  reload(session: Session): Promise<void>;
}

/**
 * Warnings of sessions whose requests may not count as visits.
 *
 * The load for a request touches the session, which postpones the deadline in the
 * record. If the request does not count as a visit, the touch is undone when the
 * request is answered. Until then, a process that checks a warning reads the later
 * deadline, and would postpone the warning. So the process of the request has the
 * warning given by the earlier deadline.
 */
export class PostponedWarnings {
  readonly #registry: SessionRegistry;
  readonly #parts: PostponedWarningsParts;
  /** When the next checks are due that were found in time, by their ids. */
  readonly #checkedAt = new WeakMap<Session, Map<string, number>>();

  constructor(registry: SessionRegistry, parts: PostponedWarningsParts) {
    this.#registry = registry;
    this.#parts = parts;
  }

  /**
   * Has the warnings given that fall due while a request is under way.
   *
   * @param pause Milliseconds until the next call for the request, at most.
   * @returns the milliseconds until the earlier deadline passes; Infinity if it has
   * passed, or there is none.
   */
  expect(visit: BackendVisit, pause: number): number {
    const session = visit.ownSession;
    if (session === undefined || visit.wasTouched) return Infinity;
    this.#followOthers(session);
    const lookup = visit.lookups.find(({ uid }) => uid === session.uid);
    const loaded = lookup?.loaded;
    if (loaded === undefined) return Infinity;
    const ahead = aheadOf(lookup!, loaded);
    // A visit has touched the session meanwhile.
    const touchedAt = loaded.touchedAt + ahead;
    if (session.lastModified * 1000 > touchedAt + TOUCH_SLACK) return Infinity;
    const { loader, visits } = this.#parts;
    const state = loader.states.get(session);
    const before = state?.touchBefore(loaded, visits.looksOf(session));
    const deadline = deadlineBefore(loaded, before) + ahead;
    const shown = loaded.deadline + ahead;
    if (deadline === shown) return Infinity;
    const now = this.#registry.clock.now();
    // A request that outlasts the deadline keeps the session until the later one.
    const until = deadline > now ? deadline : shown;
    session[PARTS]?.warnings?.follow(until, now);
    for (const callback of warningsOf(state)) {
      const due = deadline - leadOf(callback);
      if (due <= now - 2 * pause || due > now + pause) continue;
      this.#expect(session, callback.id, { deadline, shown });
    }
    return deadline > now ? deadline - now : Infinity;
  }

  /**
   * Loads a session that a request holds beyond its deadline here. Visits in other
   * processes may have postponed the end. Functions in this process warn of it.
   */
  #followOthers(session: Session): void {
    const { lastModified, sessionTimeout } = session;
    if (session[PARTS]?.warnings === undefined || !session.isActive) return;
    const deadline = (lastModified + sessionTimeout) * 1000;
    if (deadline > this.#registry.clock.now()) return;
    // A failure of the store is reported.
    this.#parts.reload(session).catch(() => {});
  }

  /** Has the warnings given in time after the touch of a load was undone. */
  recheck(session: Session, lookup: Lookup): void {
    const loaded = lookup.loaded!;
    const deadline = session.expiresAt * 1000;
    if (!session.isActive) return;
    if (deadline > loaded.deadline + aheadOf(lookup, loaded) - 1) return;
    const now = this.#registry.clock.now();
    const state = this.#parts.loader.states.get(session);
    for (const { id } of warningsOf(state)) {
      // No process has checked the warning since the last time.
      if (now < (this.#checkedAt.get(session)?.get(id) ?? 0)) continue;
      this.#expect(session, id, { deadline });
    }
  }

  #expect(session: Session, id: string, end: ExpectedEnd): void {
    this.#parts.warnings.expect(session, id, end).then(
      (until) => {
        const times = this.#checkedAt.get(session) ?? new Map();
        this.#checkedAt.set(session, times.set(id, until));
      },
      (error) => this.#registry.site.reportError(error, { session }),
    );
  }
}

/** Returns the milliseconds by which a clock here is ahead of the store's clock. */
function aheadOf({ askedAt }: Lookup, { now }: LoadedSession): number {
  return askedAt! - now;
}

/** Returns the deadline that a session had before the touch of its load. */
function deadlineBefore(
  { deadline, touchedAt, touchedBefore, sessionTimeout }: LoadedSession,
  before = touchedBefore,
): number {
  // Later by as much as a store that throttles touches adds.
  const length = Math.max(sessionTimeout, deadline - touchedAt);
  return Math.min(deadline, before + length);
}

/** Returns the warnings by name of a session, also those registered since a load. */
function warningsOf(state: StoredState | undefined): StoredCallback[] {
  if (state === undefined) return [];
  const { knownCallbacks, callbackIds } = state;
  return [...knownCallbacks.values()].filter(({ id, name }) =>
    name === WARNING && callbackIds.has(id)
  );
}

function leadOf({ argument }: StoredCallback): number {
  return (decodeValue(argument) as Pick<Wake, "lead">).lead;
}
