import { type AnswerTime, readClock } from "../base/moment.ts";
import { isPromiseLike, type MaybePromise, proceed } from "../base/promises.ts";
import type { Lookup } from "../registry/session_backend.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import { FIND_TOKEN, PARTS } from "../session/internals.ts";
import type { Session } from "../session.ts";
import type { LoadedSession } from "../stores/store.ts";
import type { BackendParts } from "./backend_parts.ts";
import { NO_TOKEN } from "./record_calls.ts";
import { followCreation } from "./record_touches.ts";
import { unkept } from "./store_breaker.ts";
import { isLastRecord } from "./hold_records.ts";

/** Loads the records that requests look up. */
export class RecordLoads {
  readonly #registry: SessionRegistry;
  readonly #parts: BackendParts;

  constructor(registry: SessionRegistry, parts: BackendParts) {
    this.#registry = registry;
    this.#parts = parts;
  }

  /**
   * Loads the records of the tokens of one request.
   *
   * If several tokens open different sessions, none of them is used. So their
   * records are first loaded without a touch. If they open one session, it is
   * touched once, so that the touch can be undone.
   */
  load(lookups: readonly Lookup[]): MaybePromise<void> {
    if (lookups.length === 0) return;
    if (lookups.length === 1) return this.#load(lookups[0]!, true);
    return proceed(this.#lookAt(lookups), () => {
      // The request is answered 503 if one of them could not be looked up.
      if (lookups.some(({ failure }) => failure !== undefined)) return;
      const opening = this.#openingOf(lookups);
      const [newest] = opening.toSorted((one, other) =>
        other.generation - one.generation
      );
      if (newest === undefined) return;
      const { uid } = newest.lookup;
      if (opening.some(({ lookup }) => lookup.uid !== uid)) return;
      return proceed(this.#load(newest.lookup, true), () => {
        const { loaded, askedAt, drops } = newest.lookup;
        for (const lookup of lookups) {
          if (lookup.uid !== uid) continue;
          Object.assign(lookup, { loaded, askedAt, drops });
        }
      });
    });
  }

  #lookAt(lookups: readonly Lookup[]): MaybePromise<void> {
    const loads = lookups.map((lookup) => this.#load(lookup, false));
    if (loads.some(isPromiseLike)) return Promise.all(loads).then(() => {});
  }

  /**
   * Finds a live session, and loads it if it is not in this process.
   *
   * @throws {HttpError} 503 if the store does not answer.
   */
  find(uid: string): MaybePromise<Session | undefined> {
    const lookup: Lookup = {
      token: uid,
      uid,
      key: "",
      keyBegin: 0,
      isLeaked: false,
      isTouch: false,
      failure: undefined,
      loaded: undefined,
      askedAt: undefined,
      drops: 0,
    };
    return proceed(this.#load(lookup, false), () => {
      if (lookup.failure !== undefined) throw unkept(lookup.failure.cause);
      const live = this.#registry.sessions.get(uid);
      if (live === undefined || !live.isActive) return undefined;
      const isKnown = lookup.loaded !== undefined ||
        !this.#parts.writer.isInStore(live);
      return isKnown ? live : undefined;
    });
  }

  /** Returns the tokens that open sessions, by the records that were loaded. */
  #openingOf(
    lookups: readonly Lookup[],
  ): { readonly lookup: Lookup; readonly generation: number }[] {
    const { sessions, clock } = this.#registry;
    return lookups.flatMap((lookup) => {
      const session = sessions.get(lookup.uid);
      // The store may have no record of it any more.
      if (session === undefined || this.#registry.underCheck.has(session)) {
        return [];
      }
      // The request does not use it, and touches the session of another token.
      if (lookup.isLeaked) return [];
      const token = session[FIND_TOKEN](lookup.key);
      if (token === undefined) return [];
      const { generation, until } = token;
      const isOpening = (lookup.askedAt ?? clock.now()) < until &&
        generation >= (session[PARTS]?.access?.loginGeneration ?? 0);
      return isOpening ? [{ lookup, generation }] : [];
    });
  }

  /** Loads the record of a lookup. Only a load for use touches the session. */
  #load(lookup: Lookup, isUse: boolean): MaybePromise<void> {
    const { uid } = lookup;
    const { ended, health, loader, writer } = this.#parts;
    const live = this.#registry.sessions.get(uid);
    // A session that has ended here stays ended, even if it has a record.
    if (live === undefined && ended.has(uid)) return;
    // The refusal has been reported.
    const { refusal } = health;
    if (refusal !== undefined) {
      return void (lookup.failure = { cause: refusal });
    }
    if (live === undefined || !loader.states.get(live)?.unsure) {
      return this.#loadSettled(lookup, isUse);
    }
    return proceed(
      writer.settle(live),
      () => this.#loadSettled(lookup, isUse),
    );
  }

  #loadSettled(lookup: Lookup, isUse: boolean): MaybePromise<void> {
    const { uid, key, isTouch } = lookup;
    const breaker = this.#parts.breakers.of(uid);
    const sent = readClock(this.#registry.clock);
    const failed = (error: unknown) => {
      lookup.failure = { cause: error };
      breaker.report(error, {});
    };
    const loaded = (record: LoadedSession | undefined) => {
      try {
        this.#take(lookup, record, sent.answered(this.#registry.clock));
      } catch (error) {
        failed(error);
      }
    };
    try {
      const loading = breaker.call(() =>
        this.#parts.store.load(
          uid,
          isUse
            ? {
              tokenHash: key,
              touch: isTouch,
              grace: this.#registry.renewalGrace,
            }
            : NO_TOKEN,
        )
      );
      if (!(loading instanceof Promise)) return loaded(loading);
      this.#parts.loads.begin(uid);
      return loading.then(loaded, failed).then(() => this.#catchUp(uid));
    } catch (error) {
      failed(error);
    }
  }

  /** Follows the notifications that came before the answer to a load. */
  #catchUp(uid: string): void {
    const { claims, loads, refreshes } = this.#parts;
    const missed = loads.end(uid);
    if (missed === undefined) return;
    const { reason, version } = missed;
    if (reason !== undefined) claims.of(uid).endElsewhere(uid, reason);
    else if (version >= 0) refreshes.note({ uid, version });
  }

  /** Takes over a record that was loaded for a request. */
  #take(
    lookup: Lookup,
    record: LoadedSession | undefined,
    time: AnswerTime,
  ): void {
    const { uid } = lookup;
    const { ended, loader, writer } = this.#parts;
    const live = this.#registry.sessions.get(uid);
    // No token opens the record of a session that vanished, which is about to end.
    const isThere = record !== undefined && !isLastRecord(record);
    if (isThere) lookup.loaded = record;
    // The session may have ended during the load.
    if (live === undefined && ended.has(uid)) return;
    if (!isThere) {
      if (live?.isActive && writer.isInStore(live)) {
        this.#parts.claims.of(uid).requestCheck(live);
      }
      return;
    }
    const session = live ?? loader.revive(record, time);
    const state = loader.states.get(session);
    if (state === undefined || !session.isActive) return;
    if (this.#registry.underCheck.has(session)) {
      this.#parts.claims.of(uid).checks.confirm(session);
    }
    loader.update(session, record, time);
    if (state.isCreated) followCreation(session, state, record, time);
    state.noteTouch(record);
    lookup.askedAt = time.sentAt;
    lookup.drops = state.drops;
  }
}
