import { hash } from "node:crypto";
import {
  arrivalOf,
  type ErrorContext,
  isNoVisit,
  sessionOf,
  type SiteRequest,
  type TokenCookie,
  wasTouched,
} from "../request.ts";
import {
  type Expiring,
  hasLocalUse,
  isSecureSession,
  letGo,
  markEnded,
  restoreSession,
  restoreValues,
  Session,
  type SessionDeadlines,
  type SessionEnd,
  type SessionEndReason,
  type SessionKeeper as KeeperForSessions,
  setSecret,
  setTimes,
  tokenOf,
  valuesOf,
  worthOf,
} from "../session.ts";
import type {
  Claimant,
  ClaimedEnd,
  LoadedSession,
  MaybePromise,
  SessionChanges,
  SessionStore,
  SessionTimes,
  StoredSession,
} from "../stores/store.ts";
import type { Clock } from "./clock.ts";
import { type EndAudience, EndDuty } from "./end_duty.ts";
import { EndWatch } from "./end_watch.ts";
import { HttpError } from "./http_error.ts";
import { KeptSession } from "./kept_session.ts";
import { isPromiseLike } from "./promise_like.ts";
import type { TokenWorth } from "./renewal.ts";
import { StoreLine, StoreUnavailableError } from "./store_line.ts";
import { decodeValue, encodeValue } from "./stored_values.ts";
import { ID_LENGTH, randomId } from "./token.ts";

/**
 * Milliseconds that a touch may be later than the one that the store knows
 * without being written: a visit counts from when its request came.
 */
const TOUCH_SLACK = 100;

/** The longest that a touch outside of a request waits to be written, in ms. */
const TOUCH_WAIT = 1000;

/** Milliseconds that a session is in question at most before it is asked again. */
const QUESTION = 1000;

/** Ends claimed at once. */
const BATCH = 100;

/** Ends that are being told at once; more are left to others, or for later. */
const MAX_DUTIES = 1000;

/** Milliseconds that claiming may hold the event loop, as for other ends. */
const SLICE = 6;

const TOKEN = /^[\da-f]{64}$/;

/** What the keeper uses of its site. */
export interface KeptSite {
  readonly clock: Clock;
  readonly renewalGrace: number;
  readonly sessionCookie: TokenCookie;
  readonly sessions: ReadonlyMap<string, Session>;
  endSession(session: Session, reason: SessionEndReason): void;
  changePrincipal(session: Session, before: string | undefined): void;
  mindPromise(result: unknown, session: Session): void;
  reportError(error: unknown, context: ErrorContext): void;
}

/** What the site does for its keeper, and for nobody else. */
export interface KeepersHands {
  /** Makes a session of a uid, which is not among `sessions`. */
  build(uid: string): Session;
  /** Puts it there; it is not started. */
  enter(session: Session): void;
  /** Takes it out, untold. */
  drop(session: Session): void;
  /** Answers a request with the page for an error. */
  failWith(request: SiteRequest, error: unknown): MaybePromise<Response>;
}

/** How a store is used. */
export interface KeepingOptions {
  /** Milliseconds that a call may take. */
  readonly patience: number;
  /** Milliseconds of a lease. */
  readonly lease: number;
}

/** What came of a request's token. */
interface Visit {
  readonly token: string;
  loaded?: LoadedSession;
  session?: Session;
  worth: TokenWorth;
  failure?: unknown;
}

/**
 * Keeps the sessions of a site in a store: the record is loaded before the walk
 * and written before the response leaves, and ends are claimed there before they
 * are told.
 *
 * Sessions that are live here stand in the site's Map as without a store. The
 * store alone says whether one is over: when its deadline comes here, it is in
 * question, and absent for lookups, until the store has been asked.
 */
export class SessionKeeper implements KeeperForSessions {
  readonly #site: KeptSite;
  readonly #hands: KeepersHands;
  readonly #clock: Clock;
  readonly #store: SessionStore;
  readonly #line: StoreLine;
  readonly #duty: EndDuty;
  readonly #watch: EndWatch;
  readonly #claimant: Claimant;
  readonly #kept = new WeakMap<Session, KeptSession>();
  readonly #visits = new WeakMap<SiteRequest, Visit>();
  /** Sessions with something to write. */
  readonly #changed = new Set<Session>();
  /** Sessions that were touched, by a request or otherwise. */
  readonly #touched = new Set<Session>();
  readonly #questions = new Set<Session>();
  /** Claimed, about to be ended here. */
  readonly #claims = new Map<string, ClaimedEnd>();
  /** Ended here, and the store does not know yet. */
  readonly #ending = new Map<string, SessionEnd>();
  /** Ended elsewhere, about to be ended here. */
  readonly #toldElsewhere = new Set<string>();
  readonly #startTimer: unknown;
  #flushTimer: unknown = undefined;
  #flushAt = Infinity;
  #unwatch: (() => void) | undefined = undefined;
  #isListening = false;
  #isSetting = false;
  #isStopped = false;
  #lastWrites: Promise<void> | undefined = undefined;
  #ready: Promise<void> | undefined = undefined;
  /** Why the store cannot be used at all. */
  #refusal: Error | undefined = undefined;

  constructor(
    site: KeptSite,
    store: SessionStore,
    options: KeepingOptions & {
      readonly audience: EndAudience;
      readonly hands: KeepersHands;
    },
  ) {
    this.#site = site;
    this.#hands = options.hands;
    this.#clock = site.clock;
    this.#store = store;
    this.#claimant = { owner: randomId(), lease: options.lease };
    this.#line = new StoreLine(site.clock, options.patience, (cause) => {
      site.reportError(
        new StoreUnavailableError("Cannot reach the session store", { cause }),
        {},
      );
    });
    this.#duty = new EndDuty(site.clock, {
      store,
      line: this.#line,
      lease: options.lease,
      audience: options.audience,
    });
    this.#watch = new EndWatch(site.clock, () => this.#goRound());
    // Whoever makes the site says first who is to be told of ends.
    this.#startTimer = site.clock.setTimeout(() => {
      this.start().catch(() => {});
    }, 0);
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

  /** Checks the store, hears its news, and begins to claim what is due. */
  start(): Promise<void> {
    return this.#ready ??= Promise.resolve(this.#start());
  }

  #start(): MaybePromise<void> {
    const begin = (warnings: readonly string[] = []) => {
      for (const warning of warnings) {
        this.#site.reportError(new Error(warning), {});
      }
      this.#begin();
    };
    const fail = (error: unknown) => {
      this.#site.reportError(error, {});
      // Anything else may pass, and is found out again.
      if (!(error instanceof RangeError)) return this.#begin();
      this.#refusal = error;
      throw error;
    };
    try {
      const warnings = this.#store.check?.();
      if (isPromiseLike(warnings)) return warnings.then(begin, fail);
      begin(warnings);
    } catch (error) {
      return Promise.try(fail, error);
    }
  }

  #begin(): void {
    if (this.#isStopped) return;
    this.#listen();
    this.#watch.wake();
  }

  #listen(): void {
    this.#isListening = true;
    const listening = (unwatch: () => void) => {
      if (this.#isStopped) unwatch();
      else this.#unwatch = unwatch;
    };
    const failed = () => void (this.#isListening = false);
    try {
      const unwatch = this.#line.probe(() =>
        this.#store.watch(
          ({ uid, reason }) => this.#hear(uid, reason as SessionEndReason),
          () => this.#watch.wake(),
        )
      );
      if (isPromiseLike(unwatch)) unwatch.then(listening, failed);
      else listening(unwatch);
    } catch {
      // A later round tries again, and finds out what there was to hear.
      failed();
    }
  }

  /**
   * Answers a request: loads its session first, and writes what has changed
   * before the response leaves.
   */
  serve(
    request: SiteRequest,
    respond: () => MaybePromise<Response>,
  ): MaybePromise<Response> {
    if (this.#ready === undefined) this.start().catch(() => {});
    const opening = this.#open(request);
    if (!isPromiseLike(opening)) return this.#answer(request, respond);
    return opening.then(() => this.#answer(request, respond));
  }

  /**
   * The session that the request's token opens, and how; undefined if none.
   *
   * @throws {HttpError} 503 if the store could not be asked.
   */
  find(
    request: SiteRequest,
    token: string,
  ): { session: Session; worth: TokenWorth } | undefined {
    const visit = this.#visits.get(request);
    if (visit?.failure !== undefined) {
      throw new HttpError(503, "Your session cannot be looked up just now.", {
        cause: visit.failure,
      });
    }
    if (visit?.session === undefined || visit.token !== token) return undefined;
    return { session: visit.session, worth: visit.worth };
  }

  /**
   * Refuses to make sessions that cannot be kept.
   *
   * @throws {HttpError} 503
   */
  mustBeUp(): void {
    if (!this.#line.isDown && this.#refusal === undefined) return;
    throw new HttpError(503, "No session can be begun just now.", {
      cause: this.#refusal,
    });
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

  noteValue(session: Session, key: string, value: unknown): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    const encoded = value === undefined
      ? undefined
      : encodeNamed(value, `set "${key}"`, session);
    (kept.values ??= new Map()).set(key, encoded);
    this.#noteChanged(session);
  }

  notePrincipal(session: Session): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    kept.hasNewPrincipal = true;
    this.#noteChanged(session);
  }

  noteRenewal(session: Session): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    kept.hasNewSecret = true;
    this.#noteChanged(session);
  }

  noteCallback(session: Session, name: string, argument: unknown): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    const encoded = encodeNamed(argument, `keep "${name}"`, session);
    (kept.callbacks ??= []).push({ name, argument: encoded });
    this.#noteChanged(session);
  }

  mayEnd(session: Session): boolean {
    if (!this.#isInStore(session)) return true;
    this.#ask(session);
    return false;
  }

  isInQuestion(session: Session): boolean {
    return this.#questions.has(session);
  }

  /**
   * Sees to an end that was brought about here.
   *
   * @returns whether it does: an end that the store knows nothing of is the
   * site's own to tell.
   */
  announce(end: SessionEnd): boolean {
    const { session, uid } = end;
    this.#changed.delete(session);
    this.#touched.delete(session);
    this.#questions.delete(session);
    if (this.#toldElsewhere.delete(uid)) return true;
    const claim = this.#claims.get(uid);
    if (claim !== undefined) {
      this.#claims.delete(uid);
      this.#tell(claim, end);
      return true;
    }
    const kept = this.#kept.get(session);
    if (kept === undefined || !this.#isInStore(session)) return false;
    this.#ending.set(uid, end);
    const ended = this.#endInStore(end);
    if (isPromiseLike(ended)) this.#noteWriting(kept, ended);
    return true;
  }

  /** Ends the sessions of a principal, wherever they are; answers how many. */
  endSessionsOf(
    principal: string,
    options: {
      readonly except: Session | undefined;
      readonly reason: SessionEndReason;
    },
  ): MaybePromise<number> {
    const { except, reason } = options;
    const end = (uids: readonly string[]): MaybePromise<number> => {
      const ended = uids.filter((uid) => uid !== except?.uid).map((uid) =>
        this.#endOf(uid, reason)
      );
      return ended.some(isPromiseLike)
        ? Promise.all(ended).then(count)
        : count(ended as boolean[]);
    };
    const uids = this.#line.call(() => this.#store.uidsOf(principal));
    return isPromiseLike(uids) ? uids.then(end) : end(uids);
  }

  /**
   * Lets go of a session that is kept, to make room for another.
   *
   * @returns false if it is not, so that it has to end.
   */
  release(session: Session): boolean {
    const kept = this.#kept.get(session);
    if (kept === undefined || !kept.isCreated) return false;
    this.#mind(this.#save(session), session);
    this.#letGo(session);
    return true;
  }

  /**
   * Writes what is left, claims no more, hears no news, and lets go of the
   * sessions: they live on elsewhere. What is being told still is.
   */
  halt(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#watch.stop();
    this.#clock.clearTimeout(this.#startTimer);
    if (this.#flushTimer !== undefined) {
      this.#clock.clearTimeout(this.#flushTimer);
    }
    this.#unwatch?.();
    this.#unwatch = undefined;
    const writes = [...this.#changed, ...this.#touched].map(async (session) => {
      await this.#save(session);
    });
    const ends = [...this.#ending.values()].map((end) => this.#endInStore(end));
    this.#lastWrites = Promise.all([...writes, ...ends]).then(
      () => {},
      (error) => this.#site.reportError(error, {}),
    );
    this.#duty.halt();
    for (const session of this.#site.sessions.values()) this.#letGo(session);
  }

  /** Waits for what halt() has begun, and leaves what is untold to others. */
  async stop(): Promise<void> {
    this.halt();
    await this.#lastWrites;
    await this.#duty.stop();
  }

  #letGo(session: Session): void {
    this.#questions.delete(session);
    this.#touched.delete(session);
    letGo(session);
    this.#hands.drop(session);
  }

  // Requests

  #open(request: SiteRequest): MaybePromise<void> {
    const found = tokenIn(this.#site, request);
    if (found === undefined) return;
    const { token, isLeaked } = found;
    const uid = token.slice(0, ID_LENGTH);
    const secret = token.slice(ID_LENGTH);
    const visit: Visit = { token, worth: "wrong" };
    this.#visits.set(request, visit);
    // Over here, whatever the store thinks.
    if (this.#ending.has(uid)) return;
    const fail = (error: unknown) => {
      visit.failure = error;
      this.#reportFailure(error, { request });
    };
    const sentAt = this.#clock.now();
    const secretHash = hashOf(secret);
    const adopt = (loaded: LoadedSession | undefined) => {
      try {
        this.#adopt(visit, loaded, {
          uid,
          secret,
          secretHash,
          sentAt,
          arrival: arrivalOf(request),
        });
      } catch (error) {
        fail(error);
      }
    };
    try {
      if (this.#refusal !== undefined) throw this.#refusal;
      const touch = !isLeaked && !isNoVisit(request);
      const loaded = this.#line.call(() =>
        this.#store.load(uid, { secretHash, touch })
      );
      if (isPromiseLike(loaded)) return loaded.then(adopt, fail);
      adopt(loaded);
    } catch (error) {
      fail(error);
    }
  }

  #adopt(
    visit: Visit,
    loaded: LoadedSession | undefined,
    came: {
      readonly uid: string;
      readonly secret: string;
      readonly secretHash: string;
      readonly sentAt: number;
      readonly arrival: number;
    },
  ): void {
    const { uid, secret, secretHash, sentAt } = came;
    // It may have ended while the store was being asked.
    if (this.#ending.has(uid)) return;
    const live = this.#site.sessions.get(uid);
    if (loaded === undefined) {
      if (live?.isActive && this.#isInStore(live)) this.#ask(live);
      return;
    }
    const session = live ?? this.#revive(loaded, sentAt);
    const kept = this.#kept.get(session);
    if (kept === undefined || !session.isActive) return;
    this.#questions.delete(session);
    this.#update(session, loaded, sentAt);
    visit.loaded = loaded;
    visit.session = session;
    if (kept.hasNewSecret || kept.isRenewing) {
      visit.worth = worthOf(session, secret, came.arrival);
      return;
    }
    visit.worth = worthIn(loaded, secretHash);
    if (visit.worth === "current") setSecret(session, secret);
    else if (tokenOf(session) === visit.token) setSecret(session, "");
  }

  #answer(
    request: SiteRequest,
    respond: () => MaybePromise<Response>,
  ): MaybePromise<Response> {
    const response = respond();
    if (!isPromiseLike(response)) return this.#conclude(request, response);
    const release = this.#hold(request);
    return response.then((response) => {
      release();
      return this.#conclude(request, response);
    });
  }

  /** Puts the deadline off in the store while a request is under way. */
  #hold(request: SiteRequest): () => void {
    let timer: unknown;
    const watch = () => {
      const session = sessionOf(request);
      const timeout = (session?.sessionTimeout ?? 1) * 1000;
      const pause = Math.min(Math.max(timeout / 4, 10), QUESTION);
      timer = this.#clock.setTimeout(() => {
        if (session !== undefined && wasTouched(request)) {
          this.#prolong(session, 2 * pause);
        }
        watch();
      }, pause);
    };
    watch();
    return () => this.#clock.clearTimeout(timer);
  }

  /** Touches the record of a session that is due within so many milliseconds. */
  #prolong(session: Session, within: number): void {
    const kept = this.#kept.get(session);
    if (kept === undefined || !session.isActive || !kept.isCreated) return;
    const now = this.#clock.now();
    if (session.expiresAt * 1000 - now > within) return;
    this.#mind(this.#commit(session, kept, { idle: 0 }), session);
  }

  #conclude(request: SiteRequest, response: Response): MaybePromise<Response> {
    const session = sessionOf(request);
    const visit = this.#visits.get(request);
    if (session === undefined && visit?.loaded === undefined) {
      if (this.#changed.size === 0) return response;
    }
    const fail = (error: unknown) => {
      this.#reportFailure(error, { request });
      response.body?.cancel().catch(() => {});
      if (
        session !== undefined && this.#kept.get(session)?.isCreated === false
      ) {
        this.#site.endSession(session, "evicted");
      }
      return this.#hands.failWith(
        request,
        new HttpError(503, "Your session cannot be kept just now."),
      );
    };
    try {
      const writing = this.#write(request, session, visit);
      if (writing === undefined) return response;
      return writing.then(() => response, fail);
    } catch (error) {
      return fail(error);
    }
  }

  /** Writes all that has changed, and waits for what the request began. */
  #write(
    request: SiteRequest,
    session: Session | undefined,
    visit: Visit | undefined,
  ): Promise<unknown> | undefined {
    const writes: Promise<void>[] = [];
    const note = (writing: MaybePromise<void>) => {
      if (isPromiseLike(writing)) writes.push(Promise.resolve(writing));
    };
    for (const other of this.#changed) {
      if (other !== session) note(this.#save(other));
    }
    const subject = session ?? visit?.session;
    if (subject !== undefined) {
      this.#touched.delete(subject);
      note(this.#save(subject, takenBack(request, visit)));
      note(this.#kept.get(subject)?.writing);
      this.#settleTouch(subject);
    }
    return writes.length === 0 ? undefined : Promise.all(writes);
  }

  // Records

  #isInStore(session: Session): boolean {
    const kept = this.#kept.get(session);
    return kept !== undefined && (kept.isCreated || kept.writing !== undefined);
  }

  /** Makes a session of a record. */
  #revive(record: StoredSession, sentAt: number): Session {
    const session = this.#hands.build(record.uid);
    this.#hands.enter(session);
    this.#kept.set(session, new KeptSession());
    this.#restore(session, record, sentAt);
    setSecret(session, "");
    this.#kept.get(session)!.isCreated = true;
    return session;
  }

  #restore(session: Session, record: StoredSession, sentAt: number): void {
    const offset = sentAt - record.now;
    restoreSession(session, {
      createdAt: record.createdAt + offset,
      touchedAt: record.touchedAt + offset,
      isSecure: record.isSecure,
      principal: record.principal,
    });
    if (record.principal !== undefined) {
      this.#site.changePrincipal(session, undefined);
    }
    setTimeouts(session, record);
    restoreValues(session, this.#decode(record.values, session));
  }

  /** Brings a live session up to date with its record. */
  #update(session: Session, record: StoredSession, sentAt: number): void {
    const kept = this.#kept.get(session)!;
    if (record.version !== kept.version) this.#refresh(session, kept, record);
    kept.noteTimes(record, sentAt);
    this.#setTimes(session, kept, record, sentAt);
  }

  #refresh(session: Session, kept: KeptSession, record: StoredSession): void {
    const isFirst = kept.version === -1;
    kept.version = record.version;
    if (
      isFirst || (kept.sessionTimeout === session.sessionTimeout * 1000 &&
        kept.absoluteTimeout === session.absoluteTimeout * 1000)
    ) {
      setTimeouts(session, record);
      kept.sessionTimeout = record.sessionTimeout;
      kept.absoluteTimeout = record.absoluteTimeout;
    }
    if (isFirst) return;
    const values = new Map(this.#decode(record.values, session));
    // What has been changed here and not been written stays as it is here.
    const own = valuesOf(session);
    for (const key of kept.values?.keys() ?? []) {
      if (own.has(key)) values.set(key, own.get(key));
      else values.delete(key);
    }
    restoreValues(session, values);
    if (kept.hasNewPrincipal || record.principal === session.principal) return;
    const before = session.principal;
    restoreSession(session, {
      createdAt: session.createdAt * 1000,
      touchedAt: session.lastModified * 1000,
      isSecure: record.isSecure,
      principal: record.principal,
    });
    this.#site.changePrincipal(session, before);
  }

  #setTimes(
    session: Session,
    kept: KeptSession,
    times: SessionTimes,
    sentAt: number,
  ): void {
    const touchedAt = session.lastModified * 1000;
    // A touch here that the store does not know yet goes before.
    if (this.#isStopped || touchedAt > kept.touchedAt + TOUCH_SLACK) return;
    this.#isSetting = true;
    setTimes(session, kept.touchedAt, times.deadline + sentAt - times.now);
    this.#isSetting = false;
  }

  /** A touch that need not be written counts from the one that the store knows. */
  #settleTouch(session: Session): void {
    const kept = this.#kept.get(session);
    if (kept === undefined || !session.isActive || !kept.isCreated) return;
    if (this.#isStopped) return;
    const touchedAt = session.lastModified * 1000;
    const ahead = touchedAt - kept.touchedAt;
    if (!(ahead > 0 && ahead <= TOUCH_SLACK)) return;
    this.#isSetting = true;
    setTimes(session, kept.touchedAt, session.expiresAt * 1000 - ahead);
    this.#isSetting = false;
  }

  #decode(
    values: ReadonlyMap<string, string>,
    session: Session,
  ): ReadonlyMap<string, unknown> {
    const decoded = new Map<string, unknown>();
    for (const [key, value] of values) {
      try {
        decoded.set(key, decodeValue(value));
      } catch (cause) {
        this.#site.reportError(
          new Error(`Cannot read "${key}" of session "${session.uid}"`, {
            cause,
          }),
          { session },
        );
      }
    }
    return decoded;
  }

  #save(
    session: Session,
    extra: SessionChanges | undefined = undefined,
  ): MaybePromise<void> {
    this.#changed.delete(session);
    const kept = this.#kept.get(session);
    if (kept === undefined || !session.isActive) return;
    if (!kept.isCreated) {
      return kept.writing === undefined
        ? this.#create(session, kept)
        : undefined;
    }
    const changes = kept.takeChanges(session, {
      secretHash: () => hashOf(tokenOf(session).slice(ID_LENGTH)),
      grace: this.#site.renewalGrace * 1000,
    });
    const touchedAt = session.lastModified * 1000;
    const touch = touchedAt - kept.touchedAt > TOUCH_SLACK
      ? { idle: Math.max(0, this.#clock.now() - touchedAt) }
      : extra;
    if (changes === undefined && touch === undefined) return;
    return this.#commit(session, kept, { ...touch, ...changes });
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
    const creating = this.#line.call(() =>
      this.#store.create({
        uid: session.uid,
        age: now - session.createdAt * 1000,
        idle: now - session.lastModified * 1000,
        secretHash: hashOf(tokenOf(session).slice(ID_LENGTH)),
        oldSecrets: [],
        isSecure: isSecureSession(session),
        principal: session.principal,
        sessionTimeout: kept.sessionTimeout,
        absoluteTimeout: kept.absoluteTimeout,
        values,
        callbacks: changes?.addedCallbacks ?? [],
      })
    );
    const created = (times: SessionTimes | undefined) => {
      if (times === undefined) {
        throw new Error(
          `Cannot keep session "${session.uid}": the store refuses its uid`,
        );
      }
      kept.isCreated = true;
      this.#written(session, kept, times, now);
    };
    if (!isPromiseLike(creating)) return created(creating);
    return this.#noteWriting(
      kept,
      creating.then(created, (error) => {
        if (changes !== undefined) kept.putBack(changes);
        throw error;
      }),
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
      this.#changed.add(session);
      this.#flushIn(TOUCH_WAIT);
      throw error;
    };
    const committed = (times: SessionTimes | undefined) => {
      kept.isRenewing = false;
      if (times !== undefined) {
        return this.#written(session, kept, times, sentAt);
      }
      if (session.isActive) this.#ask(session);
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
      const committing = this.#line.call(() =>
        this.#store.commit(session.uid, changes)
      );
      if (!isPromiseLike(committing)) return committed(committing);
      return this.#noteWriting(kept, committing.then(committed, failed));
    } catch (error) {
      failed(error);
    }
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

  // Changes outside of requests

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
    if (this.#line.isDown) return this.#flushIn(TOUCH_WAIT);
    for (const session of [...this.#changed, ...this.#touched]) {
      this.#touched.delete(session);
      try {
        this.#mind(this.#save(session), session);
      } catch (error) {
        this.#retry(session, error);
      }
    }
  }

  #mind(writing: MaybePromise<void>, session: Session): void {
    if (!isPromiseLike(writing)) return;
    writing.then(undefined, (error) => this.#retry(session, error));
  }

  #retry(session: Session, error: unknown): void {
    this.#reportFailure(error, { session });
    this.#changed.add(session);
    this.#flushIn(TOUCH_WAIT);
  }

  // Ends

  #ask(session: Session): void {
    this.#questions.add(session);
    // It comes up again if there is no answer until then.
    this.#isSetting = true;
    setTimes(
      session,
      session.lastModified * 1000,
      this.#clock.now() + QUESTION,
    );
    this.#isSetting = false;
    this.#watch.wake();
  }

  #hear(uid: string, reason: SessionEndReason): void {
    const session = this.#site.sessions.get(uid);
    if (session === undefined || this.#claims.has(uid)) return;
    this.#endQuietly(session, reason);
  }

  #endQuietly(session: Session, reason: SessionEndReason): void {
    this.#toldElsewhere.add(session.uid);
    this.#site.endSession(session, reason);
    this.#toldElsewhere.delete(session.uid);
  }

  /** Claims and tells what is due; answers when more will be, in milliseconds. */
  #goRound(): MaybePromise<number> {
    const asked = [...this.#questions];
    const conclude = (next: number): MaybePromise<number> => {
      const settled = this.#settle(asked);
      const rest = Math.max(next, this.#duty.standBackFor);
      return isPromiseLike(settled) ? settled.then(() => rest) : rest;
    };
    try {
      const next = this.#claimAll(this.#clock.now());
      return isPromiseLike(next)
        ? next.then(conclude).catch(() => Infinity)
        : conclude(next);
    } catch {
      return Infinity;
    }
  }

  #claimAll(began: number): MaybePromise<number> {
    for (;;) {
      if (this.#isStopped) return Infinity;
      if (this.#duty.size >= MAX_DUTIES) return SLICE;
      const claims = this.#line.probe(() =>
        this.#store.claim(this.#claimant, BATCH)
      );
      if (isPromiseLike(claims)) {
        return claims.then(({ ends, nextIn }) => {
          for (const claim of ends) this.#take(claim);
          return nextIn > 0 ? nextIn : this.#claimAll(began);
        });
      }
      for (const claim of claims.ends) this.#take(claim);
      if (claims.nextIn > 0) return claims.nextIn;
      // The requests have their turn.
      if (this.#clock.now() - began >= SLICE) return 0;
    }
  }

  #take(claim: ClaimedEnd): void {
    const { uid } = claim.session;
    const reason = claim.reason as SessionEndReason;
    const live = this.#site.sessions.get(uid);
    if (live?.isActive && this.#kept.has(live)) {
      this.#claims.set(uid, claim);
      this.#site.endSession(live, reason);
      this.#claims.delete(uid);
      return;
    }
    const own = this.#ending.get(uid);
    const now = this.#clock.now();
    const session = own?.session ?? this.#hands.build(uid);
    if (own === undefined) this.#restore(session, claim.session, now);
    const at = (claim.at + now - claim.session.now) / 1000;
    const end = own ?? { session, uid, reason, at };
    if (own === undefined) markEnded(session, end);
    this.#ending.delete(uid);
    this.#tell(claim, end);
  }

  #tell(claim: ClaimedEnd, end: SessionEnd): void {
    this.#site.mindPromise(this.#duty.tell(claim, end), end.session);
  }

  #endInStore(end: SessionEnd): MaybePromise<void> {
    const { uid, reason } = end;
    const told = (claim: ClaimedEnd | undefined) => {
      this.#ending.delete(uid);
      if (claim !== undefined) this.#tell(claim, end);
    };
    try {
      const claim = this.#line.call(() =>
        this.#store.end(uid, reason, this.#claimant)
      );
      if (!isPromiseLike(claim)) return told(claim);
      return claim.then(told, (error) => {
        // It is told in a later round.
        this.#reportFailure(error, { session: end.session });
      });
    } catch (error) {
      this.#reportFailure(error, { session: end.session });
    }
  }

  /** Ends a session that may be here or elsewhere; answers whether it did. */
  #endOf(uid: string, reason: SessionEndReason): MaybePromise<boolean> {
    const live = this.#site.sessions.get(uid);
    if (live !== undefined) {
      this.#site.endSession(live, reason);
      return true;
    }
    const told = (claim: ClaimedEnd | undefined) => {
      if (claim !== undefined) this.#take(claim);
      return claim !== undefined;
    };
    const claim = this.#line.call(() =>
      this.#store.end(uid, reason, this.#claimant)
    );
    return isPromiseLike(claim) ? claim.then(told) : told(claim);
  }

  /** Sees to what the store could not be told, and to what is still in question. */
  #settle(asked: readonly Session[]): MaybePromise<void> {
    const settling: MaybePromise<void>[] = [];
    for (const end of this.#ending.values()) {
      settling.push(this.#endInStore(end));
    }
    if (!this.#isListening) this.#listen();
    for (const session of asked) {
      if (this.#questions.has(session)) settling.push(this.#resolve(session));
    }
    if (settling.some(isPromiseLike)) {
      return Promise.all(settling).then(() => {});
    }
  }

  #resolve(session: Session): MaybePromise<void> {
    const sentAt = this.#clock.now();
    const resolve = (record: LoadedSession | undefined) => {
      if (!this.#questions.delete(session) || !session.isActive) return;
      if (record === undefined) {
        this.#endQuietly(session, reasonHere(session, sentAt));
      } else if (hasLocalUse(session)) {
        this.#update(session, record, sentAt);
      } else {
        // Somebody visits it elsewhere, and nobody waits for it here.
        this.#letGo(session);
      }
    };
    try {
      const record = this.#line.call(() =>
        this.#store.load(session.uid, { secretHash: "", touch: false })
      );
      if (!isPromiseLike(record)) return resolve(record);
      return record.then(resolve, () => {});
    } catch {
      // It stays in question.
    }
  }

  #reportFailure(
    error: unknown,
    context: { request?: SiteRequest; session?: Session },
  ): void {
    // That the line is down has been reported, once.
    if (error instanceof StoreUnavailableError) return;
    this.#site.reportError(error, context);
  }
}

/** Deadlines that know whose they are. */
export interface ObservableDeadlines extends SessionDeadlines {
  /** Whose the deadline in a row is. */
  itemAt(row: number): Expiring | undefined;
}

function hashOf(secret: string): string {
  return hash("sha256", secret);
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

/** The token of a request, which over http may be one that was for https. */
function tokenIn(
  site: KeptSite,
  request: SiteRequest,
): { token: string; isLeaked: boolean } | undefined {
  const { headers, isSecure } = request;
  const token = site.sessionCookie.tokenIn(headers, isSecure);
  if (token !== undefined) {
    return TOKEN.test(token) ? { token, isLeaked: false } : undefined;
  }
  if (isSecure) return undefined;
  const leaked = site.sessionCookie.tokenIn(headers, true);
  return leaked !== undefined && TOKEN.test(leaked)
    ? { token: leaked, isLeaked: true }
    : undefined;
}

function worthIn(record: LoadedSession, secretHash: string): TokenWorth {
  if (record.secretHash === secretHash) return "current";
  const old = record.oldSecrets.find(({ hash }) => hash === secretHash);
  if (old === undefined) return "wrong";
  return record.now < old.until ? "graced" : "outdated";
}

/** What takes a touch back that the request did not ask for. */
function takenBack(
  request: SiteRequest,
  visit: Visit | undefined,
): SessionChanges | undefined {
  const loaded = visit?.loaded;
  if (loaded === undefined || wasTouched(request)) return undefined;
  const { touchedAt, touchedBefore: before } = loaded;
  return touchedAt === before
    ? undefined
    : { takenBack: { touchedAt, before } };
}

function setTimeouts(session: Session, record: StoredSession): void {
  for (const name of ["sessionTimeout", "absoluteTimeout"] as const) {
    const seconds = record[name] / 1000;
    if (session[name] !== seconds) session[name] = seconds;
  }
}

function reasonHere(session: Session, now: number): SessionEndReason {
  const absolute = session.createdAt + session.absoluteTimeout;
  return absolute * 1000 <= now ? "absolute" : "idle";
}

function count(ended: readonly boolean[]): number {
  return ended.filter((isEnded) => isEnded).length;
}
