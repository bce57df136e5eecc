import {
  type Expiring,
  isSecureSession,
  letGo,
  Session,
  type SessionDeadlines,
  setSecret,
  setTimes,
  tokenOf,
} from "../session.ts";
import type {
  LoadedSession,
  MaybePromise,
  SessionChanges,
  SessionStore,
  SessionTimes,
  StoredCallback,
  StoredSession,
} from "../stores/store.ts";
import type { Clock } from "./clock.ts";
import { KeptSession } from "./kept_session.ts";
import type { KeepersHands, KeptSite } from "./kept_site.ts";
import { refreshFrom, restoreFrom } from "./live_record.ts";
import { isPromiseLike, proceed, settleAll } from "./promise_like.ts";
import { hashOfSecret } from "./secret_hash.ts";
import type { PerPart } from "./store_parts.ts";
import type { StoreLine } from "./store_line.ts";
import { encodeValue } from "./stored_values.ts";
import { ID_LENGTH, randomId } from "./token.ts";

/**
 * Milliseconds that a touch may be later than the one that the store knows
 * without being written: a visit counts from when its request came.
 */
const TOUCH_SLACK = 100;

/** The longest that a touch outside of a request waits to be written, in ms. */
const TOUCH_WAIT = 1000;

/**
 * Hex digits of the id of a callback, which is unique within its session: more
 * would be bytes of each session in the store.
 */
const CALLBACK_ID_LENGTH = 16;

/** What the records of sessions are kept with. */
export interface RecordKeeping {
  readonly store: SessionStore;
  readonly lines: PerPart<StoreLine>;
  readonly hands: KeepersHands;
  /** A session is over in the store that is still live here. */
  onOver(session: Session): void;
}

/**
 * The live sessions of a site and their records: makes the one of the other, and
 * writes what has changed.
 *
 * A request writes before its response leaves; what changes outside of requests
 * is written in the next turn, and a touch within a second.
 */
export class SessionRecords {
  readonly #site: KeptSite;
  readonly #hands: KeepersHands;
  readonly #clock: Clock;
  readonly #store: SessionStore;
  readonly #lines: PerPart<StoreLine>;
  readonly #onOver: (session: Session) => void;
  readonly #kept = new WeakMap<Session, KeptSession>();
  /** Sessions with something to write. */
  readonly #changed = new Set<Session>();
  /** Sessions whose last write failed, with it to do again. */
  readonly #unwritten = new Set<Session>();
  /** Sessions that were touched, by a request or otherwise. */
  readonly #touched = new Set<Session>();
  #flushTimer: unknown = undefined;
  #againTimer: unknown = undefined;
  #flushAt = Infinity;
  #isSetting = false;
  #isStopped = false;

  constructor(site: KeptSite, keeping: RecordKeeping) {
    this.#site = site;
    this.#clock = site.clock;
    this.#store = keeping.store;
    this.#lines = keeping.lines;
    this.#hands = keeping.hands;
    this.#onOver = keeping.onOver;
  }

  /** Whether a session has something to write that is new. */
  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** The deadlines of the sessions, where touches are noted too. */
  watchTouches(deadlines: ObservableDeadlines): SessionDeadlines {
    return {
      add: (item, deadline, now) => deadlines.add(item, deadline, now),
      deadlineOf: (row) => deadlines.deadlineOf(row),
      remove: (row) => deadlines.remove(row),
      move: (row, deadline, now) => {
        deadlines.move(row, deadline, now);
        if (this.#isSetting) return;
        const item = deadlines.itemAt(row);
        if (item instanceof Session) this.#noteTouch(item);
      },
    };
  }

  /** Keeps a session that has just been made. */
  noteNew(session: Session): void {
    this.#kept.set(session, new KeptSession());
    this.#noteChanged(session);
  }

  /** Whether the session is kept, or will be. */
  keeps(session: Session): boolean {
    return this.#kept.has(session);
  }

  /** A value is another; undefined is none any more. */
  noteValue(session: Session, key: string, value: unknown): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    const encoded = value === undefined
      ? undefined
      : encodeNamed(value, `set "${key}"`, session);
    (kept.values ??= new Map()).set(key, encoded);
    this.#noteChanged(session);
  }

  /** The principal is another. */
  notePrincipal(session: Session): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    kept.hasNewPrincipal = true;
    this.#noteChanged(session);
  }

  /** The secret is another. */
  noteRenewal(session: Session): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    kept.hasNewSecret = true;
    this.#noteChanged(session);
  }

  /** A callback is to be called by its name. */
  noteCallback(session: Session, name: string, argument: unknown): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    const encoded = encodeNamed(argument, `keep "${name}"`, session);
    const id = randomId().slice(0, CALLBACK_ID_LENGTH);
    (kept.callbacks ??= []).push({ id, name, argument: encoded });
    this.#noteChanged(session);
  }

  /** Whether there is a record of a session, or is about to be. */
  isInStore(session: Session): boolean {
    const kept = this.#kept.get(session);
    return kept !== undefined && (kept.isCreated || kept.writing !== undefined);
  }

  /** Whether nobody knows if there is a record of a session. */
  isInDoubt(session: Session): boolean {
    const kept = this.#kept.get(session);
    return kept !== undefined && !kept.isCreated && kept.isInDoubt;
  }

  /**
   * Has the store know what whoever claims the end of a session needs: that there
   * is the session, if nobody knows whether it keeps it, and who is to be told.
   */
  prepareEnd(session: Session): MaybePromise<void> {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    const creating = this.isInDoubt(session)
      ? this.#create(session, kept)
      : undefined;
    return proceed(creating, () => this.#saveCallbacks(session, kept));
  }

  /** The callbacks of a session of which the store does not know. */
  callbacksOf(session: Session): readonly StoredCallback[] {
    return this.#kept.get(session)?.callbacks ?? [];
  }

  /** Makes a live session of a record. */
  revive(record: StoredSession, sentAt: number): Session {
    const session = this.#hands.build(record.uid);
    this.#hands.enter(session);
    this.#kept.set(session, new KeptSession());
    restoreFrom(this.#site, session, record, sentAt);
    setSecret(session, "");
    this.#kept.get(session)!.isCreated = true;
    return session;
  }

  /** Brings a live session up to date with its record. */
  update(session: Session, record: StoredSession, sentAt: number): void {
    const kept = this.#kept.get(session)!;
    this.refresh(session, record);
    kept.noteTimes(record, sentAt);
    this.#setTimes(session, kept, record, sentAt);
  }

  /** Gives a session that was live the values of its record. */
  refresh(session: Session, record: StoredSession): void {
    const kept = this.#kept.get(session);
    if (kept === undefined || record.version === kept.version) return;
    refreshFrom(this.#site, session, kept, record);
  }

  /** Writes what has changed in a session, if anything has. */
  save(
    session: Session,
    extra: SessionChanges | undefined = undefined,
  ): MaybePromise<void> {
    this.#changed.delete(session);
    this.#unwritten.delete(session);
    const kept = this.#kept.get(session);
    if (kept === undefined || !session.isActive) return;
    if (!kept.isCreated) {
      return kept.writing === undefined
        ? this.#create(session, kept)
        // What has changed since it was sent is written once it is there.
        : kept.writing.then(() => this.save(session, extra));
    }
    const changes = kept.takeChanges(session, {
      secretHash: () => hashOfSecret(tokenOf(session).slice(ID_LENGTH)),
      grace: this.#site.renewalGrace * 1000,
    });
    const touchedAt = session.lastModified * 1000;
    const touch = touchedAt - kept.touchedAt > TOUCH_SLACK
      ? { idle: Math.max(0, this.#clock.now() - touchedAt) }
      : extra;
    if (changes === undefined && touch === undefined) return;
    return this.#commit(session, kept, { ...touch, ...changes });
  }

  /**
   * Writes what has changed in the sessions but one: the request that is being
   * answered may have changed them.
   */
  saveOthers(session: Session | undefined): MaybePromise<void>[] {
    return [...this.#changed].filter((other) => other !== session).map(
      (other) => this.save(other),
    );
  }

  /** What takes the touch back that came with a load. */
  takeBack(
    session: Session,
    loaded: LoadedSession,
  ): SessionChanges | undefined {
    const { touchedAt, touchedBefore } = loaded;
    if (touchedAt === touchedBefore) return undefined;
    return this.#kept.get(session)?.takeBack(touchedAt, touchedBefore);
  }

  /** What is being written of a session. */
  writingOf(session: Session): Promise<void> | undefined {
    return this.#kept.get(session)?.writing;
  }

  /** Whether a new secret of a session has not reached the store yet. */
  isRenewing(session: Session): boolean {
    const kept = this.#kept.get(session);
    return kept !== undefined && (kept.hasNewSecret || kept.isRenewing);
  }

  /** Whether a session is new and has no record yet. */
  isUnwritten(session: Session): boolean {
    return this.#kept.get(session)?.isCreated === false;
  }

  /** A touch that need not be written counts from the one that the store knows. */
  settleTouch(session: Session): void {
    const kept = this.#kept.get(session);
    if (kept === undefined || !session.isActive || !kept.isCreated) return;
    if (!this.#isHere(session)) return;
    const touchedAt = session.lastModified * 1000;
    const ahead = touchedAt - kept.touchedAt;
    if (!(ahead > 0 && ahead <= TOUCH_SLACK)) return;
    this.#isSetting = true;
    setTimes(session, kept.touchedAt, session.expiresAt * 1000 - ahead);
    this.#isSetting = false;
  }

  /** Puts the deadline of a session here off, whatever the store says. */
  putOff(session: Session, milliseconds: number): void {
    if (!this.#isHere(session)) return;
    this.#isSetting = true;
    setTimes(
      session,
      session.lastModified * 1000,
      this.#clock.now() + milliseconds,
    );
    this.#isSetting = false;
  }

  /** Touches the record of a session that is due within so many milliseconds. */
  prolong(session: Session, within: number): void {
    const kept = this.#kept.get(session);
    if (kept === undefined || !session.isActive || !kept.isCreated) return;
    const now = this.#clock.now();
    if (session.expiresAt * 1000 - now > within) return;
    this.#mind(() => this.#commit(session, kept, { idle: 0 }), session);
  }

  /** What has changed in a session is of no account any more. */
  forget(session: Session): void {
    this.#changed.delete(session);
    this.#unwritten.delete(session);
    this.#touched.delete(session);
  }

  /**
   * Lets go of a session that is kept, to make room for another.
   *
   * @returns false if it is not, so that it has to end.
   */
  release(session: Session): boolean {
    const kept = this.#kept.get(session);
    if (kept === undefined || !kept.isCreated) return false;
    this.letGo(session);
    this.#saveSoon(session);
    return true;
  }

  /** Has a session live on elsewhere only; what has changed is still written. */
  letGo(session: Session): void {
    this.#touched.delete(session);
    letGo(session);
    this.#hands.drop(session);
  }

  /** Writes what is left; lets go of all sessions. */
  halt(): Promise<unknown> {
    this.#isStopped = true;
    for (const timer of [this.#flushTimer, this.#againTimer]) {
      if (timer !== undefined) this.#clock.clearTimeout(timer);
    }
    const sessions = new Set([
      ...this.#changed,
      ...this.#unwritten,
      ...this.#touched,
    ]);
    const writes = [...sessions].map(async (session) => {
      await this.save(session);
    });
    for (const session of this.#site.sessions.values()) this.letGo(session);
    return settleAll(writes);
  }

  /** One that was let go of has no deadline here any more. */
  #isHere(session: Session): boolean {
    return this.#site.sessions.get(session.uid) === session;
  }

  #setTimes(
    session: Session,
    kept: KeptSession,
    times: SessionTimes,
    sentAt: number,
  ): void {
    const touchedAt = session.lastModified * 1000;
    // A touch here that the store does not know yet goes before.
    if (touchedAt > kept.touchedAt + TOUCH_SLACK) return;
    if (!this.#isHere(session)) return;
    this.#isSetting = true;
    setTimes(session, kept.touchedAt, times.deadline + sentAt - times.now);
    this.#isSetting = false;
  }

  #create(session: Session, kept: KeptSession): MaybePromise<void> {
    const now = this.#clock.now();
    const changes = kept.takeChanges(session, {
      secretHash: () => "",
      grace: 0,
    });
    const values = new Map<string, string>();
    for (const [key, value] of changes?.values ?? []) {
      if (value !== undefined) values.set(key, value);
    }
    kept.isRenewing = false;
    const create = () => {
      kept.isInDoubt = true;
      return this.#store.create({
        uid: session.uid,
        age: now - session.createdAt * 1000,
        idle: now - session.lastModified * 1000,
        secretHash: hashOfSecret(tokenOf(session).slice(ID_LENGTH)),
        oldSecrets: [],
        isSecure: isSecureSession(session),
        principal: session.principal,
        sessionTimeout: kept.sessionTimeout,
        absoluteTimeout: kept.absoluteTimeout,
        values,
        callbacks: changes?.addedCallbacks ?? [],
      });
    };
    const wasInDoubt = kept.isInDoubt;
    const created = (times: SessionTimes | undefined): MaybePromise<void> => {
      kept.isInDoubt = false;
      kept.isCreated = times !== undefined || wasInDoubt;
      if (times !== undefined) {
        return this.#written(session, kept, times, now);
      }
      if (!wasInDoubt) {
        throw new Error(
          `Cannot keep session "${session.uid}": the store refuses its uid`,
        );
      }
      // It was created unheard, and may lack what has changed since.
      if (changes !== undefined) kept.putBack(changes);
      return this.save(session);
    };
    const failed = (error: unknown): never => {
      if (changes !== undefined) kept.putBack(changes);
      this.#putOffWriting(session);
      throw error;
    };
    let creating: MaybePromise<SessionTimes | undefined>;
    try {
      creating = this.#lineOf(session).call(create);
    } catch (error) {
      return failed(error);
    }
    if (!isPromiseLike(creating)) return created(creating);
    const sent = kept.noteSent(changes ?? {});
    return this.#noteWriting(
      kept,
      creating.finally(sent).then(created, failed),
    );
  }

  #commit(
    session: Session,
    kept: KeptSession,
    changes: SessionChanges,
  ): MaybePromise<void> {
    const sentAt = this.#clock.now();
    const failed = (error: unknown): never => {
      kept.isRenewing = false;
      kept.putBack(changes);
      this.#putOffWriting(session);
      throw error;
    };
    const committed = (times: SessionTimes | undefined) => {
      kept.isRenewing = false;
      if (times !== undefined) {
        return this.#written(session, kept, times, sentAt);
      }
      if (session.isActive) this.#onOver(session);
      if (changes.values === undefined) return;
      this.#site.reportError(
        new Error(
          `Cannot keep ${
            [...changes.values.keys()].map((key) => `"${key}"`).join(", ")
          } of session "${session.uid}": it has ended`,
        ),
        { session },
      );
    };
    try {
      const committing = this.#lineOf(session).call(() =>
        this.#store.commit(session.uid, changes)
      );
      if (!isPromiseLike(committing)) return committed(committing);
      const sent = kept.noteSent(changes);
      return this.#noteWriting(
        kept,
        committing.finally(sent).then(committed, failed),
      );
    } catch (error) {
      failed(error);
    }
  }

  #saveCallbacks(session: Session, kept: KeptSession): MaybePromise<void> {
    const { callbacks } = kept;
    if (callbacks === undefined) return;
    kept.callbacks = undefined;
    return this.#commit(session, kept, { addedCallbacks: callbacks });
  }

  #written(
    session: Session,
    kept: KeptSession,
    times: SessionTimes,
    sentAt: number,
  ): void {
    // Another node's values may lie between: they come with the next load.
    if (times.version === kept.version + 1 || kept.version === -1) {
      kept.version = times.version;
    }
    kept.noteTimes(times, sentAt);
    if (session.isActive) this.#setTimes(session, kept, times, sentAt);
  }

  /** Has whoever waits for a session's writing wait for this too. */
  noteWriting(session: Session, writing: PromiseLike<void>): void {
    const kept = this.#kept.get(session);
    if (kept !== undefined) this.#noteWriting(kept, writing);
  }

  #noteWriting(kept: KeptSession, writing: PromiseLike<void>): Promise<void> {
    const before = kept.writing;
    const all = Promise.resolve(writing).finally(() => {
      if (kept.writing === all) kept.writing = undefined;
    });
    kept.writing = all;
    // Whoever waits for the last waits for those before it too.
    if (before !== undefined) {
      kept.writing = Promise.all([before, all]).then(() => {}).finally(() => {
        kept.writing = undefined;
      });
      kept.writing.catch(() => {});
    }
    all.catch(() => {});
    return kept.writing;
  }

  #noteChanged(session: Session): void {
    this.#changed.add(session);
    this.#flushIn(0);
  }

  #noteTouch(session: Session): void {
    if (!this.#kept.has(session)) return;
    this.#touched.add(session);
    this.#flushIn(Math.min(TOUCH_WAIT, session.sessionTimeout * 250));
  }

  #flushIn(delay: number): void {
    if (this.#isStopped) return;
    const at = this.#clock.now() + delay;
    if (at >= this.#flushAt) return;
    if (this.#flushTimer !== undefined) {
      this.#clock.clearTimeout(this.#flushTimer);
    }
    this.#flushAt = at;
    this.#flushTimer = this.#clock.setTimeout(() => {
      this.#flushTimer = undefined;
      this.#flushAt = Infinity;
      this.#flush();
    }, delay);
  }

  #flush(): void {
    for (const session of [...this.#changed, ...this.#touched]) {
      this.#touched.delete(session);
      if (this.#lineOf(session).isDown) this.#putOffWriting(session);
      else this.#saveSoon(session);
    }
  }

  #saveSoon(session: Session): void {
    this.#mind(() => this.save(session), session);
  }

  /** Writes, and writes again if that fails. */
  #mind(write: () => MaybePromise<void>, session: Session): void {
    try {
      const writing = write();
      if (!isPromiseLike(writing)) return;
      writing.then(undefined, (error) => this.#retry(session, error));
    } catch (error) {
      this.#retry(session, error);
    }
  }

  #retry(session: Session, error: unknown): void {
    this.#lineOf(session).report(error, { session });
    this.#putOffWriting(session);
  }

  /** Leaves a write that has failed for later: no request waits for it. */
  #putOffWriting(session: Session): void {
    this.#changed.delete(session);
    this.#unwritten.add(session);
    if (this.#isStopped) return;
    this.#againTimer ??= this.#clock.setTimeout(this.#writeAgain, TOUCH_WAIT);
  }

  readonly #writeAgain = (): void => {
    this.#againTimer = undefined;
    for (const session of [...this.#unwritten]) {
      if (this.#lineOf(session).isDown) this.#putOffWriting(session);
      else this.#saveSoon(session);
    }
  };

  #lineOf(session: Session): StoreLine {
    return this.#lines.of(session.uid);
  }
}

/** Deadlines that know whose they are. */
export interface ObservableDeadlines extends SessionDeadlines {
  /** Whose the deadline in a row is. */
  itemAt(row: number): Expiring | undefined;
}

function encodeNamed(value: unknown, act: string, session: Session): string {
  try {
    return encodeValue(value);
  } catch (cause) {
    throw new TypeError(
      `Cannot ${act} of session "${session.uid}": it cannot be cloned, so no store can keep it`,
      { cause },
    );
  }
}
