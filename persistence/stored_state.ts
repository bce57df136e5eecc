import type { AnswerTime, Moment } from "../base/moment.ts";
import { type MaybePromise, settleAll } from "../base/promises.ts";
import type { AccessOperation, AccessState } from "../session/access.ts";
import type {
  SessionChanges,
  SessionTimes,
  StoredCallback,
  StoredSession,
} from "../stores/store.ts";
import { type CallbackChanges, NO_IDS } from "./callback_changes.ts";
import { LoadTouches } from "./load_touches.ts";
import type { ReadValues } from "./read_values.ts";

/**
 * If a clock is set by more milliseconds than this, the process reads all times
 * again. Touches may differ by as much without a step.
 */
const STEP = 100;

/**
 * Milliseconds by which a touch may be later than the touch in the record without
 * being written. The time of a touch is the arrival of its request.
 */
export const TOUCH_SLACK = 100;

/** The empty list of most sessions: a list of their own would take memory. */
export const NO_OPERATIONS: readonly AccessOperation[] = [];
const NO_TEXTS: ReadonlyMap<string, string> = new Map();
const NO_CALLBACKS: ReadonlyMap<string, StoredCallback> = new Map();

/** A write whose outcome is unknown, since the store did not answer. */
export interface UnsureWrite {
  /** The changes to repeat, without those of requests that were answered 503. */
  readonly changes: SessionChanges;
  /** The version of the record before the write. */
  readonly version: number;
  /** The changes of principal and tokens in the write. */
  readonly operations: readonly AccessOperation[];
}

/**
 * The known state of the record of a live session, and the changes to write.
 *
 * The session has times of this process's clock. With each of them, the state has by
 * how many milliseconds the clock had been set forward when the time was taken. The
 * times of the record are here by the clock as it was first set.
 */
export class StoredState extends LoadTouches {
  createdAhead = 0;
  loginAhead = 0;
  touchAhead = 0;
  accessAhead = 0;
  /** The latest time of the login in the record, by the clock as it was first set. */
  loginWrittenAt: number | undefined = undefined;
  /** The `lastModified` that the session took from the record; another is a touch. */
  #takenTouch = NaN;
  /** The touch in the record, and when it was read. */
  touchedAt = -Infinity;
  #timesAt = -Infinity;
  /** Milliseconds by which the store's clock was ahead then. */
  #storeAhead = 0;
  /** Whether a record is known to exist. */
  isCreated = false;
  /** Whether a creation was sent, and the store did not answer. */
  isInDoubt = false;
  /** The version of the record from which the session took its values. */
  version = -1;
  /** When the version was read. */
  #versionAt = -Infinity;
  /** Whether the session has values that may differ from the record's. */
  isStale = false;
  /** Milliseconds, as in the record or in the write under way. */
  sessionTimeout = NaN;
  absoluteTimeout = NaN;
  /** The number of times that changes were dropped. */
  drops = 0;
  /** The same value when principal and tokens were read, with their times. */
  #readAhead = NaN;
  /** Principal and tokens in the record, with times of this process's clock. */
  access: AccessState | undefined = undefined;
  /** Values to write; undefined deletes. */
  values: Map<string, string | undefined> | undefined = undefined;
  /**
   * The keys of values to write that were changed inside, each with the encoding
   * before: they are not written over a change of another process.
   */
  inner: Map<string, string> | undefined = undefined;
  #texts: Map<string, string> | undefined = undefined;
  /** The objects that the application may change inside. */
  reads: ReadValues | undefined = undefined;
  /** The description of the client to write. */
  description: string | undefined = undefined;
  /** Changes of named callbacks to write. */
  callbacks: CallbackChanges | undefined = undefined;
  /** Whether a write found no record for the callbacks, which wait for the end. */
  hasCallbacksLeft = false;
  /** Whether a creation without an answer may have written callbacks. */
  areCallbacksUnsure = false;
  /** The known ids of named callbacks in the record. */
  callbackIds: ReadonlySet<string> = NO_IDS;
  /** The named callbacks of the last record of a session that has vanished. */
  lastCallbacks: readonly StoredCallback[] | undefined = undefined;
  #knownCallbacks: Map<string, StoredCallback> | undefined = undefined;
  /** Changes of principal and tokens to write. */
  operations: readonly AccessOperation[] = NO_OPERATIONS;
  /** A write whose outcome is unknown. */
  unsure: UnsureWrite | undefined = undefined;
  /** The changes that are being written. */
  sent: SessionChanges | undefined = undefined;
  /** The changes of principal and tokens that are being written. */
  sending: readonly AccessOperation[] = NO_OPERATIONS;
  /** Settles when all writes that are under way have settled. */
  writing: Promise<void> | undefined = undefined;
  /** Whether there is a record, or one is being created. */
  get mayBeInStore(): boolean {
    return this.isCreated || this.isInDoubt || this.writing !== undefined;
  }

  /** Whether the record is being created. */
  get isCreating(): boolean {
    return !this.isCreated && this.writing !== undefined;
  }

  /** Whether the values that are not written are dropped: the session has ended. */
  areValuesDropped = false;
  /** The encodings of the values that the session has. */
  get texts(): ReadonlyMap<string, string> {
    return this.#texts ?? NO_TEXTS;
  }

  /** Sets the encodings of all values. */
  setTexts(texts: ReadonlyMap<string, string>): void {
    this.#texts = texts.size === 0 ? undefined : new Map(texts);
  }

  /** Sets the encoding of a value; undefined for none. */
  setText(key: string, text: string | undefined): void {
    if (text === undefined) this.#texts?.delete(key);
    else (this.#texts ??= new Map()).set(key, text);
  }

  /** The named callbacks that this process has, by id. */
  get knownCallbacks(): ReadonlyMap<string, StoredCallback> {
    return this.#knownCallbacks ?? NO_CALLBACKS;
  }

  /** Adds a named callback that this process has. */
  addKnownCallback(callback: StoredCallback): void {
    (this.#knownCallbacks ??= new Map()).set(callback.id, callback);
  }

  /** Removes a named callback that this process has. */
  removeKnownCallback(id: string): void {
    this.#knownCallbacks?.delete(id);
  }

  /** Sets the version of an answer that has just come. */
  setVersion(version: number, now: Moment): void {
    this.version = version;
    this.#versionAt = now.steady;
  }

  /**
   * Compares a record with the known state. It is old if a later answer came first,
   * and new also if its values must be taken over again, or a clock looks as if set.
   */
  compare(times: SessionTimes, time: AnswerTime): "old" | "known" | "new" {
    const { version } = times;
    const sentAt = time.sentAt - time.now.ahead;
    if (version < this.version && sentAt <= this.#versionAt) return "old";
    const isKnown = version === this.version && !this.isStale &&
      time.now.ahead === this.accessAhead && this.stepOf(times, time) === 0;
    return isKnown ? "known" : "new";
  }

  /**
   * Returns by how many milliseconds this process's clock was set forward, compared
   * with the store's, since principal and tokens were read; 0 if by few.
   */
  stepOf({ now }: SessionTimes, { sentAt, now: { at } }: AnswerTime): number {
    const step = this.#readAhead - (now - sentAt);
    return step > STEP || this.#readAhead < now - at - STEP ? step : 0;
  }

  /** Whether changes of principal and tokens are not written yet. */
  get hasOperations(): boolean {
    return this.operations.length > 0 || this.sending.length > 0;
  }

  /** Records how this process's clock stands, unless a login waits to be written. */
  noteClock({ ahead }: Moment): void {
    if (!this.hasOperations) this.createdAhead = this.loginAhead = ahead;
  }

  /** Records when principal and tokens were read or created. */
  noteRead(
    times: SessionTimes & Partial<Pick<StoredSession, "authenticatedAt">>,
    { sentAt, now }: AnswerTime,
  ): void {
    this.#readAhead = times.now - sentAt;
    this.accessAhead = now.ahead;
    const age = times.now - (times.authenticatedAt ?? NaN);
    if (age >= 0) this.loginWrittenAt = now.steady - age;
  }

  /**
   * Moves the times of principal and tokens by as much as this process's clock was
   * set since they were read.
   */
  followAccess({ ahead }: Moment): void {
    const step = ahead - this.accessAhead;
    if (step === 0 || this.access === undefined) return;
    const { authenticatedAt, tokens } = this.access;
    this.access = {
      ...this.access,
      authenticatedAt: authenticatedAt && authenticatedAt + step,
      tokens: tokens.map((token) => ({ ...token, until: token.until + step })),
    };
    this.accessAhead = ahead;
  }

  /**
   * Takes over the times of a record; returns whether the session takes its touch
   * too. A touch here that is newer and not written yet takes precedence. Another
   * process may have undone a touch that this one had loaded.
   */
  takeTimes(
    times: SessionTimes,
    { sentAt, now }: AnswerTime,
    lastModified: number,
  ): boolean {
    const isLater = sentAt - now.ahead >= this.#timesAt;
    this.touchedAt = times.touchedAt - times.now + sentAt - now.ahead;
    this.#timesAt = now.steady;
    this.#storeAhead = times.now - now.steady;
    const ahead = isLater
      ? this.aheadOf(lastModified)
      : this.differenceOf(lastModified);
    return ahead <= TOUCH_SLACK;
  }

  /** Records that a session took its `lastModified` from the record. */
  noteTaken(lastModified: number, { ahead }: Pick<Moment, "ahead">): void {
    this.#takenTouch = lastModified;
    this.touchAhead = ahead;
  }

  /** Returns whether a session has a touch that it did not take from the record. */
  isTouched(lastModified: number): boolean {
    return lastModified !== this.#takenTouch;
  }

  /**
   * Returns by how many milliseconds a touch that is not written is later than the
   * touch in the record.
   *
   * @param lastModified That of the session, in UNIX seconds.
   */
  aheadOf(lastModified: number): number {
    return this.isTouched(lastModified) ? this.differenceOf(lastModified) : 0;
  }

  /** Returns by how many milliseconds a touch is later than the touch in the record. */
  differenceOf(lastModified: number): number {
    return lastModified * 1000 - this.touchAhead - this.touchedAt;
  }

  /**
   * Returns the time of the store's clock, or a little less: no write may count after
   * this process has given it up.
   */
  storeNow(now: Moment): number {
    return now.steady + this.#storeAhead;
  }

  /** Calls back when the writes under way have settled. */
  whenIdle<T>(act: () => MaybePromise<T>): MaybePromise<T> {
    if (this.writing === undefined) return act();
    return this.writing.then(() => {}, () => {}).then(() =>
      // Another caller may have been first.
      this.whenIdle(act)
    );
  }

  /** Adds a write that is under way. */
  track(writing: PromiseLike<void>): Promise<void> {
    const before = this.writing;
    const all: Promise<void> =
      (before === undefined
        ? Promise.resolve(writing)
        : settleAll<void>([before, writing]).then(() => {})).finally(() => {
          if (this.writing === all) this.writing = undefined;
        });
    all.catch(() => {});
    this.writing = all;
    return Promise.resolve(writing);
  }
}
