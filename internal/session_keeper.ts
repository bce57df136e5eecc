import {
  arrivalOf,
  isNoVisit,
  sessionOf,
  type SiteRequest,
  wasTouched,
} from "../request.ts";
import {
  type Session,
  type SessionDeadlines,
  type SessionEnd,
  type SessionEndReason,
  type SessionKeeper as KeeperForSessions,
  setSecret,
  tokenOf,
  worthOf,
} from "../session.ts";
import type {
  LoadedSession,
  MaybePromise,
  SessionStore,
} from "../stores/store.ts";
import type { Clock } from "./clock.ts";
import type { EndAudience } from "./end_duty.ts";
import { HttpError } from "./http_error.ts";
import type { KeepersHands, KeptSite } from "./kept_site.ts";
import { isPromiseLike, settleAll } from "./promise_like.ts";
import type { TokenWorth } from "./renewal.ts";
import { hashOfSecret } from "./secret_hash.ts";
import type { StoredEndCounts } from "./session_figures.ts";
import { type ObservableDeadlines, SessionRecords } from "./session_records.ts";
import { StoreCheck } from "./store_check.ts";
import { StoreLine } from "./store_line.ts";
import { PerPart } from "./store_parts.ts";
import { QUESTION, StoredEnds } from "./stored_ends.ts";
import { ID_LENGTH, randomId } from "./token.ts";
import { Turns } from "./turns.ts";

const TOKEN = /^[\da-f]{64}$/;

/** How a store is used. */
export interface Keeping {
  /** Milliseconds that a call may take. */
  readonly patience: number;
  /** Milliseconds of a lease. */
  readonly lease: number;
  /** Who is told of ends. */
  readonly audience: EndAudience;
  /** What the site does for its keeper. */
  readonly hands: KeepersHands;
}

/** What came of a request's token. */
interface Visit {
  readonly token: string;
  loaded?: LoadedSession;
  session?: Session;
  worth: TokenWorth;
  /** Why the store could not be asked; in a box, for it may throw undefined. */
  failure?: { readonly cause: unknown };
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
  readonly #check: StoreCheck;
  readonly #lines: PerPart<StoreLine>;
  readonly #records: SessionRecords;
  readonly #ends: PerPart<StoredEnds>;
  readonly #visits = new WeakMap<SiteRequest, Visit>();
  readonly #patience: number;
  #startTimer: unknown;
  #ready: Promise<void> | undefined = undefined;
  #isStopped = false;
  #lastWrites: Promise<void> | undefined = undefined;

  constructor(site: KeptSite, store: SessionStore, keeping: Keeping) {
    const { hands, lease, audience } = keeping;
    this.#site = site;
    this.#hands = hands;
    this.#clock = site.clock;
    this.#store = store;
    this.#patience = keeping.patience;
    this.#check = new StoreCheck(site, store);
    const lines = this.#lines = new PerPart(
      store,
      ({ name }) => new StoreLine(site, this.#patience, name),
    );
    const onOver = (session: Session) => this.#endsOf(session).ask(session);
    const records = this.#records = new SessionRecords(site, {
      store,
      lines,
      hands,
      onOver,
    });
    const owner = randomId();
    const turns = new Turns(site.clock);
    const quietTurns = new Turns(site.clock);
    this.#ends = new PerPart(store, (part, index) =>
      new StoredEnds(site, {
        store,
        part,
        line: lines.all[index]!,
        hands,
        records,
        owner,
        lease,
        audience,
        turns,
        quietTurns,
      }));
    // Whoever makes the site says first who is to be told of ends.
    this.#startTimer = site.clock.setTimeout(() => {
      this.start().catch(() => {});
    }, 0);
  }

  /** What has come of the ends that were claimed. */
  get endCounts(): StoredEndCounts {
    const sum = { claimed: 0, told: 0, failed: 0, aside: 0, left: 0 };
    for (const { counts } of this.#ends.all) {
      for (const name of Object.keys(sum) as (keyof StoredEndCounts)[]) {
        sum[name] += counts[name];
      }
    }
    return sum;
  }

  /** The deadlines of the sessions, where touches are noted too. */
  watchTouches(deadlines: ObservableDeadlines): SessionDeadlines {
    return this.#records.watchTouches(deadlines);
  }

  /** Checks the store, hears its news, and begins to claim what is due. */
  start(): Promise<void> {
    return this.#ready ??= this.#start();
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
      throw new HttpError(
        503,
        "Your session cannot be looked up just now.",
        visit.failure,
      );
    }
    if (visit?.session === undefined || visit.token !== token) return undefined;
    return { session: visit.session, worth: visit.worth };
  }

  /**
   * Returns a uid for a new session, in a part of the store that is not away.
   *
   * @throws {HttpError} 503 if no session can be kept.
   */
  makeUid(): string {
    const { refusal } = this.#check;
    if (
      refusal !== undefined || this.#lines.all.every(({ isDown }) => isDown)
    ) {
      throw new HttpError(503, "No session can be begun just now.", {
        cause: refusal,
      });
    }
    for (;;) {
      const uid = randomId();
      if (!this.#lines.of(uid).isDown) return uid;
    }
  }

  /** Keeps a session that has just been made. */
  noteNew(session: Session): void {
    this.#records.noteNew(session);
  }

  noteValue(session: Session, key: string, value: unknown): void {
    this.#records.noteValue(session, key, value);
  }

  notePrincipal(session: Session): void {
    this.#records.notePrincipal(session);
  }

  noteRenewal(session: Session): void {
    this.#records.noteRenewal(session);
  }

  noteCallback(session: Session, name: string, argument: unknown): void {
    this.#records.noteCallback(session, name, argument);
  }

  mayEnd(session: Session): boolean {
    if (!this.#records.isInStore(session)) return true;
    this.#endsOf(session).ask(session);
    return false;
  }

  isInQuestion(session: Session): boolean {
    return this.#endsOf(session).isInQuestion(session);
  }

  /**
   * Sees to an end that was brought about here.
   *
   * @returns whether it does: an end that the store knows nothing of is the
   * site's own to tell.
   */
  announce(end: SessionEnd): boolean {
    return this.#ends.of(end.uid).announce(end);
  }

  /**
   * Ends the sessions of a principal, wherever they are; answers how many.
   *
   * Those in parts that answer end, even if another part does not; then it fails.
   */
  endSessionsOf(
    principal: string,
    options: {
      readonly except: Session | undefined;
      readonly reason: SessionEndReason;
    },
  ): MaybePromise<number> {
    const [only, ...others] = this.#ends.all;
    if (others.length === 0) return only!.endSessionsOf(principal, options);
    let sum = 0;
    const ending = this.#ends.all.map(async (ends) => {
      const count = await ends.endSessionsOf(principal, options);
      sum += count;
    });
    return settleAll(ending).then(() => sum);
  }

  /**
   * Lets go of a session that is kept, to make room for another.
   *
   * @returns false if it is not, so that it has to end.
   */
  release(session: Session): boolean {
    this.#endsOf(session).answer(session);
    return this.#records.release(session);
  }

  /**
   * Writes what is left, claims no more, hears no news, and lets go of the
   * sessions: they live on elsewhere. What is being told still is.
   */
  halt(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#clock.clearTimeout(this.#startTimer);
    this.#check.stop();
    this.#lastWrites = settleAll([
      this.#records.halt(),
      ...this.#ends.all.map((ends) => ends.halt()),
    ]).then(() => {}, (error) => this.#site.reportError(error, {}));
  }

  /** Waits for what halt() has begun, and leaves what is untold to others. */
  async stop(): Promise<void> {
    this.halt();
    await this.#lastWrites;
    await Promise.all(this.#ends.all.map((ends) => ends.stop()));
    for (const line of this.#lines.all) line.close();
  }

  async #start(): Promise<void> {
    try {
      const checking = this.#check.run();
      if (isPromiseLike(checking)) {
        // Ends do not wait for an answer that takes its time.
        this.#startTimer = this.#clock.setTimeout(
          () => this.#begin(),
          this.#patience,
        );
        await checking;
      }
      this.#begin();
    } finally {
      this.#clock.clearTimeout(this.#startTimer);
    }
  }

  #begin(): void {
    for (const ends of this.#ends.all) ends.begin();
  }

  #endsOf({ uid }: Session): StoredEnds {
    return this.#ends.of(uid);
  }

  #open(request: SiteRequest): MaybePromise<void> {
    const found = tokenIn(this.#site, request);
    if (found === undefined) return;
    const { token, isLeaked } = found;
    const uid = token.slice(0, ID_LENGTH);
    const secret = token.slice(ID_LENGTH);
    const visit: Visit = { token, worth: "wrong" };
    this.#visits.set(request, visit);
    const line = this.#lines.of(uid);
    // Over here, whatever the store thinks.
    if (this.#ends.of(uid).isEnding(uid)) return;
    const { refusal } = this.#check;
    if (refusal !== undefined) {
      // It has been reported.
      visit.failure = { cause: refusal };
      return;
    }
    const fail = (error: unknown) => {
      visit.failure = { cause: error };
      line.report(error, { request });
    };
    const sentAt = this.#clock.now();
    const secretHash = hashOfSecret(secret);
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
      const touch = !isLeaked && !isNoVisit(request);
      const loaded = line.call(() =>
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
    const ends = this.#ends.of(uid);
    // It may have ended while the store was being asked.
    if (ends.isEnding(uid)) return;
    const live = this.#site.sessions.get(uid);
    if (loaded === undefined) {
      if (live?.isActive && this.#records.isInStore(live)) ends.ask(live);
      return;
    }
    const session = live ?? this.#records.revive(loaded, sentAt);
    if (!this.#records.keeps(session) || !session.isActive) return;
    ends.answer(session);
    this.#records.update(session, loaded, sentAt);
    visit.loaded = loaded;
    visit.session = session;
    if (this.#records.isRenewing(session)) {
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
      // NaN, which the next touch refuses, must not make it go round and round.
      const pause = Math.min(Math.max(timeout / 4 || 0, 10), QUESTION);
      timer = this.#clock.setTimeout(() => {
        if (session !== undefined && wasTouched(request)) {
          this.#records.prolong(session, 2 * pause);
        }
        watch();
      }, pause);
    };
    watch();
    return () => this.#clock.clearTimeout(timer);
  }

  #conclude(request: SiteRequest, response: Response): MaybePromise<Response> {
    const session = sessionOf(request);
    const visit = this.#visits.get(request);
    if (session === undefined && visit?.loaded === undefined) {
      if (!this.#records.hasChanges) return response;
    }
    const subject = session ?? visit?.session;
    const fail = (error: unknown) => {
      this.#lines.of(subject?.uid ?? "").report(error, { request });
      response.body?.cancel().catch((error) =>
        this.#site.reportError(error, { request })
      );
      if (
        session !== undefined && this.#records.isUnwritten(session)
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
    this.#records.saveOthers(session).forEach(note);
    const subject = session ?? visit?.session;
    if (subject !== undefined) {
      const loaded = visit?.loaded;
      const takenBack = loaded === undefined || wasTouched(request)
        ? undefined
        : this.#records.takeBack(subject, loaded);
      note(this.#records.save(subject, takenBack));
      note(this.#records.writingOf(subject));
      this.#records.settleTouch(subject);
    }
    return writes.length === 0 ? undefined : Promise.all(writes);
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
