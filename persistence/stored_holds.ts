import { idOfCallback } from "./callback_changes.ts";
import type { Clock } from "../base/clock.ts";
import { readClock } from "../base/moment.ts";
import { describe } from "../base/describe.ts";
import {
  attempt,
  isPromiseLike,
  type MaybePromise,
  proceed,
} from "../base/promises.ts";
import type {
  HeldKey,
  HoldBackend,
  HoldOwners,
  NewHold,
} from "../registry/hold_backend.ts";
import type { Session, SessionEnd, SessionEndReason } from "../session.ts";
import type {
  LoadedSession,
  NewSession,
  SessionTimes,
} from "../stores/store.ts";
import {
  endOfHold,
  heldKeyOf,
  keyOfHold,
  recordOfHold,
  uidOfHold,
} from "./hold_records.ts";
import type { BackendParts } from "./backend_parts.ts";
import { PresenceLease } from "./presence_lease.ts";
import { NO_TOKEN } from "./record_calls.ts";
import { MAX_TRIES } from "./record_commit.ts";
import { guarded, unkept } from "./store_breaker.ts";

/** The access state of a hold, which has no tokens. */
const NO_ACCESS = {
  generation: 0,
  loginGeneration: 0,
  isRenewalDue: false,
  isRemembered: false,
  tokens: [],
  grace: 0,
};

/**
 * Holds in a store, as sessions of their own: their ends are claimed and delivered
 * like those of other sessions.
 */
export class StoredHolds implements HoldBackend {
  /** An owner is the principal of the record of a hold. */
  readonly owners: HoldOwners = {
    change: (held, owner, times) => this.#changeOwner(held, owner, times),
    keysOf: (owner) =>
      proceed(
        this.#call(owner, () => this.#parts.store.uidsOf(owner)),
        (uids) => uids.map(keyOfHold),
      ),
    openLease: (options) =>
      new PresenceLease({ ...options, holds: this, owners: this.owners }),
  };
  readonly #clock: Clock;
  readonly #parts: BackendParts;

  constructor(clock: Clock, parts: BackendParts) {
    this.#clock = clock;
    this.#parts = parts;
  }

  take(hold: NewHold, replaces?: number): MaybePromise<HeldKey | undefined> {
    const { key, holder, id, callback } = hold;
    const { store } = this.#parts;
    if (store.take === undefined) {
      throw new TypeError(
        `Cannot hold ${describe(key)}: the store has no method take()`,
      );
    }
    const record = recordOfHold(hold);
    const sent = readClock(this.#clock);
    return proceed(
      this.#call(key, () => store.take!(record, replaces), (times) => {
        // The caller does not get the hold any more.
        if (times !== undefined) this.#drop(record, times);
      }),
      (times) => {
        if (times === undefined) return undefined;
        const { version, deadline, now } = times;
        const until = sent.answered(this.#clock).sentAt + deadline - now;
        const argument = callback?.argument;
        return { key, holder, id, fence: version, until, argument };
      },
    );
  }

  touch(key: string, idle: number): MaybePromise<boolean> {
    const { store } = this.#parts;
    return proceed(
      this.#call(key, () => store.commit(uidOfHold(key), { idle })),
      (times) => times !== undefined,
    );
  }

  find(key: string): MaybePromise<HeldKey | undefined> {
    return proceed(this.#load(key), (found) => found?.held);
  }

  end(
    key: string,
    isMeant: (held: HeldKey) => boolean,
    reason: SessionEndReason | undefined,
    tries = 1,
  ): MaybePromise<HeldKey | undefined> {
    const { store } = this.#parts;
    return proceed(this.#load(key), (found): MaybePromise<
      HeldKey | undefined
    > => {
      if (found === undefined || !isMeant(found.held)) return undefined;
      const { held, record } = found;
      const changes = endOfHold(record, reason);
      const conditions = { version: record.version };
      return proceed(
        this.#call(key, () => store.commit(record.uid, changes, conditions)),
        (times): MaybePromise<HeldKey | undefined> => {
          if (times === undefined) return undefined;
          if (!times.isRefused) return held;
          // The hold has been taken again since its load, perhaps by its holder.
          if (tries === MAX_TRIES) throw unkept();
          return this.end(key, isMeant, reason, tries + 1);
        },
      );
    });
  }

  afterEnd({ uid }: Session, act: () => Promise<void>): MaybePromise<void> {
    return this.#parts.claims.of(uid).unwritten.after(uid, act);
  }

  confirm(end: SessionEnd): MaybePromise<boolean> {
    return this.#parts.claims.of(end.uid).confirm(end);
  }

  keep(session: Session, name: string): MaybePromise<void> {
    const { writer, loader, breakers, visits } = this.#parts;
    // The other changes of superseded requests are not written.
    const options = {
      isSuperseded: () => visits.areAllSuperseded(session),
      isOfOthers: true,
      keptCallbacks: name,
    };
    return guarded(
      () =>
        proceed(writer.flush(session, options), () => {
          // The session has ended elsewhere without these callbacks.
          if (loader.states.get(session)?.hasCallbacksLeft) throw unkept();
        }),
      (error) => breakers.of(session.uid).report(error, { session }),
    );
  }

  isLasting(session: Session, key: string): MaybePromise<boolean> {
    const { loader, store, breakers } = this.#parts;
    if (loader.states.get(session) === undefined) return false;
    const breaker = breakers.of(session.uid);
    return guarded(
      () =>
        proceed(
          breaker.call(() => store.load(session.uid, NO_TOKEN)),
          (record) =>
            record?.callbacks.some(({ id }) => id === idOfCallback({ key })) ===
              true,
        ),
      (error) => breaker.report(error, { session }),
    );
  }

  #changeOwner(
    held: HeldKey,
    owner: string | undefined,
    { idle, length }: { readonly idle: number; readonly length: number },
  ): MaybePromise<HeldKey | undefined> {
    const access = { ...NO_ACCESS, principal: owner ?? null };
    const changes = { access, sessionTimeout: length, idle };
    const conditions = { version: held.fence };
    const uid = uidOfHold(held.key);
    const sent = readClock(this.#clock);
    return proceed(
      this.#call(
        held.key,
        () => this.#parts.store.commit(uid, changes, conditions),
      ),
      (times) => {
        if (times === undefined || times.isRefused) return undefined;
        const { version, deadline, now } = times;
        const until = sent.answered(this.#clock).sentAt + deadline - now;
        return { ...held, owner, fence: version, until };
      },
    );
  }

  #load(
    key: string,
  ): MaybePromise<{ held: HeldKey; record: LoadedSession } | undefined> {
    const { store } = this.#parts;
    const sent = readClock(this.#clock);
    return proceed(
      this.#call(key, () => store.load(uidOfHold(key), NO_TOKEN)),
      (record) => {
        if (record === undefined) return undefined;
        const until = sent.answered(this.#clock).sentAt + record.deadline -
          record.now;
        return { held: { ...heldKeyOf(key, record), until }, record };
      },
    );
  }

  /** Releases a hold; if that fails, its deadline ends it. */
  #drop({ uid, callbacks }: NewSession, { version }: SessionTimes): void {
    const { store, breakers } = this.#parts;
    const changes = { absoluteTimeout: 0, removedCallbacks: callbacks };
    const dropping = attempt(() =>
      breakers.of(uid).call(() => store.commit(uid, changes, { version }))
    );
    if (isPromiseLike(dropping)) dropping.catch(() => {});
  }

  #call<T>(
    key: string,
    ask: () => MaybePromise<T>,
    onLate?: (answer: T) => void,
  ): MaybePromise<T> {
    const breaker = this.#parts.breakers.of(uidOfHold(key));
    return guarded(
      () => breaker.call(ask, onLate),
      (error) => breaker.report(error, {}),
    );
  }
}
