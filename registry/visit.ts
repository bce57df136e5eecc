import type { MaybePromise } from "../base/promises.ts";
import { checkOptions } from "../base/options.ts";
import { TOKEN_GENERATION } from "../live/session_streams.ts";
import type { AccessOperation, SessionAccess } from "../session/access.ts";
import {
  COUNT_VISIT,
  FIND_TOKEN,
  OPEN_ACCESS,
  OPEN_PARTS,
  PARTS,
} from "../session/internals.ts";
import { RequestHolds, type SessionHolder } from "../session/session_parts.ts";
import { randomId } from "../base/ids.ts";
import {
  checkPrincipal,
  type Session,
  type SessionComponent,
  type SessionEndReason,
} from "../session.ts";
import { LOG_IN_RULES, type LogInOptions } from "./option_rules.ts";
import {
  type FoundToken,
  openingTokens,
  PresentedTokens,
} from "./presented_tokens.ts";
import type { BackendVisit, Lookup } from "./session_backend.ts";
import { sessionAs, type SessionType } from "./session_factory.ts";
import {
  headersOfBearer,
  headersOfLogout,
  headersOfToken,
  NO_HEADERS,
  PRIVATE,
  type SessionHeaders,
} from "./session_headers.ts";
import type { SessionRegistry } from "./session_registry.ts";
import type { RequestFacts } from "./sessions_options.ts";
import { TooLateForCookieError } from "./session_cookie.ts";

export type { LogInOptions, SessionHeaders };

/** The parts of a request that its visit uses. `SiteRequest` is one. */
export interface VisitingRequest extends RequestFacts {
  /** The method, as the client sent it. */
  readonly method: string;
  /** Whether the client has left, so that its session is not kept for it. */
  readonly hasLeft: boolean;
}

const NO_OPERATIONS: readonly AccessOperation[] = [];

/**
 * The session of one request, and the cookie that the response sends.
 *
 * The token is judged once, when the request first asks for its session, or before
 * the request first waits for something: so its status at the arrival counts. When
 * a login by another request supersedes the token, the request has no session any
 * more.
 */
export class RequestVisit<S> implements BackendVisit, SessionHolder {
  /** The sessions that the request came to. */
  readonly sessions: S;

  readonly #registry: SessionRegistry;
  readonly #source: VisitingRequest;
  readonly #tokens: PresentedTokens;
  #isJudged = false;
  /**
   * The session that was found or made. It may be over, or hidden from the request.
   */
  #session: Session | undefined = undefined;
  /** The session of the token, while a transient session takes its place. */
  #found: { readonly session: Session; readonly key: string } | undefined =
    undefined;
  /** A session that the request had, and left when a login had superseded it. */
  leftSession: Session | undefined = undefined;
  /** The token by which the request uses its session now, and its generation. */
  #token = "";
  /** A text that ends with the token's key, and where the key begins. */
  #key = "";
  #keyBegin = 0;
  #generation = 0;
  /** The principal that the session had when the request got it. */
  #principal: string | undefined = undefined;
  #hasLoggedIn = false;
  /** Whether the request was given its session, though it did not touch it. */
  #hasSeen = false;
  /** The `absoluteTimeout` of the session when the request arrived. */
  #absoluteTimeout: number | undefined = undefined;
  /** Whether the token belonged to a session when the request arrived. */
  #isRecognized = false;
  #isNew = false;
  #isTransient = false;
  #isTouched = false;
  /** Whether requests for the resource neither create nor prolong a session. */
  #isExcluded = false;
  /**
   * Whether a guard made the request a visit, which its resource may still change.
   */
  #isVisitDue = false;
  #isWaiting = false;
  #release: (() => void) | undefined = undefined;
  /** The token that the response sends, and its key. */
  #newToken: string | undefined = undefined;
  #newKey: string | undefined = undefined;
  #operations: readonly AccessOperation[] = NO_OPERATIONS;
  #loggedInAs: string | undefined = undefined;
  /** Whether the request ended its session itself. */
  #hasLoggedOut = false;
  #hasFailed = false;
  #isFinished = false;
  /** The headers of the response. */
  #sent: SessionHeaders = NO_HEADERS;

  /** @param isLate Whether the response has been produced already. */
  constructor(
    sessions: S,
    registry: SessionRegistry,
    source: VisitingRequest,
    isLate = false,
  ) {
    this.sessions = sessions;
    this.#registry = registry;
    this.#source = source;
    this.#tokens = new PresentedTokens(registry, source);
    this.#isFinished = isLate;
  }

  /**
   * Whether the request no longer keeps its session: a login has superseded its
   * token, or its client left before the response was produced.
   */
  get hasLeft(): boolean {
    if (this.isSuperseded) return true;
    return !this.#isFinished && this.#source.hasLeft;
  }

  get isSuperseded(): boolean {
    const session = this.#session;
    return session !== undefined && this.#isSuperseded(session);
  }

  get ownSession(): Session | undefined {
    return this.#session;
  }

  /** Whether the session lasts for this request only. */
  get isTransient(): boolean {
    return this.#isTransient;
  }

  get lookups(): readonly Lookup[] {
    return this.#tokens.lookups;
  }

  get isInConflict(): boolean {
    return this.#tokens.inConflict.length > 0;
  }

  get wasTouched(): boolean {
    return this.#isTouched;
  }

  get hasSeenSession(): boolean {
    return this.#hasSeen || this.#isTouched || this.#isNew;
  }

  get isHolding(): boolean {
    return this.#isWaiting &&
      (this.#isTouched || this.#isNew || this.#isVisitDue) && !this.hasLeft;
  }

  get hasLoggedOut(): boolean {
    return this.#hasLoggedOut;
  }

  get loggedInAs(): string | undefined {
    return this.#loggedInAs;
  }

  get operations(): readonly AccessOperation[] {
    return this.#operations;
  }

  /** Whether this request made its session. */
  get isNewSession(): boolean {
    return this.#isNew;
  }

  /** Whether the request has asked for a session, and got one. */
  get #hasUsedSession(): boolean {
    return this.hasSeenSession || this.#isTransient || this.#hasLoggedOut;
  }

  /** Whether the request may prolong a session. */
  get #mayTouch(): boolean {
    return !this.#isExcluded && this.#tokens.mayTouch;
  }

  /** Whether the request may create a session that is kept. */
  get #mayCreate(): boolean {
    return !this.#isExcluded && this.#tokens.mayCreate;
  }

  /** The live session, if the request has one; creates none. */
  get session(): Session | undefined {
    if (!this.#isJudged) {
      if (this.#isFinished) return undefined;
      this.#judge();
    }
    return this.#visible();
  }

  /** The principal of that session; undefined if there is none. */
  get principal(): string | undefined {
    return this.session?.principal;
  }

  /** Finds or creates the session, and touches it. */
  getSession(): Session;
  getSession<S extends Session>(type: SessionType<S>): S;
  getSession<T>(component: SessionComponent<T>): T;
  getSession<T>(type?: SessionType<Session> | SessionComponent<T>): Session | T;
  getSession<T>(
    type?: SessionType<Session> | SessionComponent<T>,
  ): Session | T {
    if (!this.#isJudged) {
      this.#mustNotBeFinished();
      this.#judge();
    }
    let session = this.visit();
    if (session === undefined) {
      this.#mustNotBeFinished();
      session = this.#create();
    }
    return type === undefined ? session : sessionAs(session, type);
  }

  /** Touches the live session if the request is a visit; creates none. */
  visit(): Session | undefined {
    if (!this.#isJudged) this.#judge();
    if (!this.#mayTouch) return this.#visible();
    const session = this.#session;
    if (
      session === undefined || this.#isSuperseded(session) || !session.isActive
    ) {
      return undefined;
    }
    session.touch();
    if (!session.isActive || this.#registry.underCheck.has(session)) {
      this.#forgetExpired();
      return undefined;
    }
    if (this.#isTouched || this.#isNew) return session;
    this.#isTouched = true;
    session[COUNT_VISIT]();
    if (session[PARTS]?.access?.isRenewalDue && !this.#isFinished) {
      this.#renew(session);
    }
    return session;
  }

  /** Issues a new token for the session, which this response sends. */
  renewSession(): Session {
    this.#mustNotBeFinished();
    const session = this.getSession();
    if (this.#isNew || this.#isTransient) return session;
    const isPrevious =
      this.#generation < (session[PARTS]?.access?.generation ?? 0);
    if (!isPrevious) this.#renew(session);
    else if (session.principal === undefined) {
      return this.#mayCreate ? this.#begin() : this.#create();
    }
    return session;
  }

  /** Logs in; see `SiteRequest.logIn()`. */
  logIn(principal: string, options: LogInOptions = {}): Session {
    checkPrincipal(principal);
    if (principal === undefined) {
      throw new TypeError(
        "Cannot log in: the principal is not a string: undefined",
      );
    }
    checkOptions("log in", options, LOG_IN_RULES);
    const { remember } = options;
    this.#mustNotBeFinished();
    if (!this.#isJudged) this.#judge();
    this.#hasLoggedIn = true;
    const session = this.#logInHere(principal, remember !== undefined) ??
      this.#logInAnew(principal, remember !== undefined);
    this.#loggedInAs = principal;
    if (!this.#isNew) this.#registry.descriptions.keep(session, this.#source);
    if (remember !== undefined) {
      session.sessionTimeout = remember;
      session.startCheckingExpiration();
    }
    return session;
  }

  /** Ends the session; the response clears the cookie. */
  logOut(reason: SessionEndReason = "logout"): void {
    this.#mustNotBeFinished();
    if (!this.#isJudged) this.#judge();
    this.#hasLoggedOut = true;
    this.#newToken = this.#loggedInAs = undefined;
    const several = this.#tokens.inConflict.map(({ session }) => session);
    const hasOwn = this.#session !== undefined && !this.#isTransient;
    const hidden = hasOwn ? [] : this.#tokens.recognizedSessions();
    const own = [this.#session, this.#found?.session];
    this.#end([...own, ...several, ...hidden], reason);
  }

  /** From now on the request neither creates nor prolongs a session. */
  exclude(): void {
    this.#isExcluded = true;
    const session = this.#session;
    if (session !== undefined) this.#releaseHold(session, false);
  }

  /**
   * Makes the request a visit of its session when the response is produced. A
   * guard does not know whether the resource behind it touches sessions.
   */
  visitLater(): void {
    this.#isVisitDue = true;
  }

  /** Keeps the session from idling out while the response is awaited. */
  wait(): void {
    // The page of an error that comes after the visit waits for itself only.
    if (this.#isWaiting || this.#isFinished) return;
    if (!this.#isJudged) this.#tryToJudge();
    // No other code has run since the request arrived, so the request ended the session.
    this.#noteOwnEnd();
    this.#isWaiting = true;
    this.#release = this.#registry.backend.hold(this);
    this.#hold();
  }

  /** Loads the session from the store, where there is one. */
  load(): MaybePromise<void> {
    const lookups = this.#tokens.read(this.#isExcluded);
    const loading = this.#registry.backend.load(lookups);
    if (loading instanceof Promise) {
      return loading.then(() => this.#tryToJudge());
    }
    this.#tryToJudge();
  }

  /**
   * Writes what the request has changed, and returns the headers to send.
   *
   * @throws {HttpError} 503 if it could not be written, once.
   */
  finish(): MaybePromise<SessionHeaders> {
    // An error page takes the place of a response that could not be made.
    if (this.#isFinished) return this.#hasFailed ? NO_HEADERS : this.#sent;
    this.#release?.();
    this.#conclude();
    try {
      const flushing = this.#registry.backend.flush(this);
      if (!(flushing instanceof Promise)) return this.#headers();
      return flushing.then(
        () => this.#headers(),
        (error) => this.#fail(error),
      );
    } catch (error) {
      return this.#fail(error);
    }
  }

  /** Finishes the visit when there is no response; changes are still written. */
  abandon(): MaybePromise<void> {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#release?.();
    const session = this.#session;
    if (session !== undefined) {
      this.#releaseHold(session, false);
      if (this.#isNew || this.#isTransient) {
        this.#registry.end(session, "evicted");
      }
    }
    const report = (error: unknown) =>
      this.#registry.site.reportError(error, { request: this.#source });
    try {
      const flushing = this.#registry.backend.flush(this);
      if (flushing instanceof Promise) return flushing.catch(report);
    } catch (error) {
      report(error);
    }
  }

  /** @ignore */
  [TOKEN_GENERATION](session: object): number | undefined {
    if (session !== this.#session) return undefined;
    // A stream that this response opens lasts as long as the token that it sends.
    const token = this.#newKey === undefined
      ? this.#session?.[FIND_TOKEN](this.#key, this.#keyBegin)
      : this.#session?.[FIND_TOKEN](this.#newKey);
    return token?.generation ?? this.#generation;
  }

  /** The key of the token by which the request uses its session now. */
  get #ownKey(): string {
    return this.#key.slice(this.#keyBegin);
  }

  #tryToJudge(): void {
    try {
      this.#judge();
    } catch {
      // The request reports it when it asks for its session.
    }
  }

  /** Decides which session the tokens open, and reports suspicious ones. */
  #judge(): void {
    const tokens = this.#tokens;
    tokens.read(this.#isExcluded);
    tokens.checkLoaded();
    this.#isJudged = true;
    const found = tokens.find();
    if (found !== undefined) this.#use(found);
    this.#isRecognized ||= tokens.wereRecognized;
    this.#hold();
  }

  #use({ session, token, lookup }: FoundToken): void {
    this.#session = session;
    this.#token = lookup.token;
    this.#key = lookup.key;
    this.#keyBegin = lookup.keyBegin;
    this.#generation = token.generation;
    this.#absoluteTimeout = session.absoluteTimeout;
    this.#principal = session.principal;
    this.#isRecognized = true;
    const access = session[PARTS]?.access;
    if (access === undefined || token.generation <= access.generation) return;
    const now = this.#registry.clock.now();
    if (access.present(token, now + this.#registry.renewalGrace)) {
      session[PARTS]?.streams?.cutInvalid();
    }
  }

  /** Returns the session if the request may use it now. */
  #visible(): Session | undefined {
    const session = this.#session;
    if (session === undefined || this.#isSuperseded(session)) return undefined;
    if (session.checkExpired()) {
      this.#forgetExpired();
      return undefined;
    }
    this.#hasSeen = true;
    return session;
  }

  /** Whether a login has superseded the request's token. */
  #isSuperseded(session: Session): boolean {
    const since = session[PARTS]?.access?.loginGeneration ?? 0;
    if (this.#generation >= since) return false;
    // Over a store a login may be decided again, for a later generation.
    const token = session[FIND_TOKEN](this.#key, this.#keyBegin);
    this.#generation = token?.generation ?? this.#generation;
    return this.#generation < since;
  }

  /** Treats a session that was over when the request arrived as unknown. */
  #forgetExpired(): void {
    const isDue = this.#session?.end?.lateness !== undefined;
    if (isDue && !this.#isWaiting && !this.#isTouched) {
      this.#isRecognized = false;
    }
  }

  #noteOwnEnd(): void {
    const end = this.#session?.end;
    if (this.#isWaiting || end === undefined || this.#isTransient) return;
    // A site within the handler may have logged in or out, by a visit of its own.
    if (this.#registry.loggedOut.has(this.#session!)) return;
    // An end by deadline is not a logout.
    if (end.lateness === undefined) this.#hasLoggedOut = true;
  }

  #create(): Session {
    this.#noteOwnEnd();
    const isGone = this.#isRecognized && !this.#hasLoggedOut;
    if (this.#mayCreate && !isGone) return this.#begin();
    const session = this.#registry.makeTransient(this.#tokens.isSecure);
    if (this.#session !== undefined && !this.#isTransient) {
      this.#found ??= { session: this.#session, key: this.#ownKey };
    }
    this.#attach(session, "");
    this.#isTransient = true;
    return session;
  }

  /** Begins a session whose token the response sends. */
  #begin(): Session {
    const secret = randomId();
    const session = this.#registry.make(secret, this.#tokens.isSecure);
    session[COUNT_VISIT]();
    this.#attach(session, secret);
    this.#isNew = true;
    this.#newToken = session.uid + secret;
    this.#registry.descriptions.keep(session, this.#source);
    return session;
  }

  /** Makes a session the session of the request. */
  #attach(session: Session, secret: string): void {
    const before = this.#session;
    if (before !== undefined) {
      this.#releaseHold(before, false);
      if (this.#isTransient) this.#registry.end(before, "evicted");
      else if (this.hasSeenSession && this.#isSuperseded(before)) {
        this.leftSession = before;
      }
    }
    this.#session = session;
    this.#isTransient = this.#isNew = this.#isTouched = false;
    this.#principal = session.principal;
    this.#token = session.uid + secret;
    this.#key = secret === "" ? "" : this.#registry.backend.keyOf(secret);
    this.#keyBegin = this.#generation = 0;
    this.#hold();
  }

  #renew(session: Session): void {
    if (this.#newToken !== undefined) return;
    const secret = randomId();
    const key = this.#registry.backend.keyOf(secret);
    const isMade = this.#apply(session, {
      kind: "renew",
      key,
      byKey: this.#ownKey,
    });
    if (!isMade) return;
    this.#newToken = session.uid + secret;
    this.#newKey = key;
  }

  /** Logs in to the session that the token names, if the rules allow it. */
  #logInHere(
    principal: string,
    isRemembered: boolean,
  ): Session | undefined {
    const session = this.#isTransient ? this.#found?.session : this.#session;
    if (session === undefined || session.checkExpired()) return undefined;
    const byKey = this.#isTransient ? this.#found!.key : this.#ownKey;
    const registry = this.#registry;
    const now = registry.clock.now();
    const before = session.principal;
    const plan = session[OPEN_ACCESS]()
      .planLogin(session[FIND_TOKEN](byKey), principal, now);
    if (plan === "switch") {
      registry.checkBegin();
      registry.makeRoomFor(principal);
      registry.end(session, "logout");
    }
    if (plan === "switch" || plan === "new") return undefined;
    if (before !== principal) registry.makeRoomFor(principal, session);
    // A callback of an eviction may have ended the session.
    if (!session.isActive) return undefined;
    const secret = randomId();
    const key = registry.backend.keyOf(secret);
    const isMade = this.#apply(session, {
      kind: "login",
      key,
      byKey,
      principal,
      at: now,
      isRemembered,
    });
    if (!isMade) return undefined;
    if (this.#isTransient) this.#attach(session, secret);
    this.#newToken = this.#token = session.uid + secret;
    this.#key = this.#newKey = key;
    this.#keyBegin = 0;
    this.#generation = session[PARTS]!.access!.generation;
    registry.indexPrincipal(session, before);
    session.touch();
    session.startCheckingExpiration();
    if (!this.#isTouched && !this.#isNew) session[COUNT_VISIT]();
    this.#isTouched = true;
    return session;
  }

  /** Logs in to a session that begins now. */
  #logInAnew(principal: string, isRemembered: boolean): Session {
    const registry = this.#registry;
    // At the next request their cookies would conflict with the new one.
    const several = openingTokens(this.#tokens.inConflict).map(({ session }) =>
      session
    );
    if (several.length > 0) registry.checkBegin();
    this.#end(several, "logout");
    registry.makeRoomFor(principal);
    const session = this.#begin();
    const access = session[OPEN_ACCESS]();
    access.principal = principal;
    access.authenticatedAt = registry.clock.now();
    access.isRemembered = isRemembered;
    const operation = { kind: "principal", principal } as const;
    registry.backend.changed(session, { kind: "access", operation });
    registry.indexPrincipal(session, undefined);
    session.startCheckingExpiration();
    return session;
  }

  #end(
    sessions: readonly (Session | undefined)[],
    reason: SessionEndReason,
  ): void {
    for (const session of sessions) {
      // A deadline that has passed comes before the logout.
      session?.checkExpired();
      // Over a store the visitor may have prolonged the session elsewhere.
      if (!session?.isActive) continue;
      this.#registry.end(session, reason);
    }
  }

  #apply(session: Session, operation: AccessOperation): boolean {
    const { clock, renewalGrace } = this.#registry;
    const now = clock.now();
    const access = session[OPEN_ACCESS]();
    // Over a store the grace begins when the change is written.
    const until = this.#registry.isStored ? Infinity : now + renewalGrace;
    if (!access.apply(operation, now, until)) return false;
    this.#operations = [...this.#operations, operation];
    this.#registry.backend.changed(session, { kind: "access", operation });
    session[PARTS]?.streams?.cutInvalid();
    return true;
  }

  #hold(): void {
    const session = this.#session;
    if (!this.#isWaiting || session === undefined || this.#isExcluded) return;
    if (!this.#mayTouch) return;
    (session[OPEN_PARTS]().holds ??= new RequestHolds()).add(this);
  }

  /** Stops keeping the session; touches it if it would have idled out meanwhile. */
  #releaseHold(session: Session, isVisit: boolean): void {
    if (!this.#isWaiting) return;
    session[PARTS]?.holds?.release(this, session, isVisit);
  }

  /** Applies changed timeouts; ends a transient session. */
  #conclude(): void {
    if (this.#isVisitDue) this.visit();
    const session = this.#session;
    if (session === undefined) return;
    this.#noteOwnEnd();
    this.#releaseHold(session, this.#isTouched || this.#isNew);
    if (this.#isTransient) return this.#registry.end(session, "evicted");
    // A superseded request may not apply the timeouts.
    if (this.#isSuperseded(session)) return;
    if (session.principal !== this.#principal) this.#notePrincipal(session);
    try {
      session.startCheckingExpiration();
    } catch (error) {
      session.site.reportError(error, { request: this.#source, session });
    }
  }

  /** Reports a principal that was assigned in place of a login. */
  #notePrincipal(session: Session): void {
    if (session.principal === undefined) return;
    if (!this.hasSeenSession || this.#hasLoggedIn || !session.isActive) return;
    this.#registry.firstReports.noteAssignedPrincipal(session, this.#source);
  }

  #fail(error: unknown): never {
    this.#hasFailed = this.#isFinished = true;
    throw error;
  }

  #headers(): SessionHeaders {
    this.#isFinished = true;
    if (this.#registry.presence !== undefined) this.#notePresence();
    return this.#sent = this.#setCookie() ??
      (this.#hasUsedSession ? PRIVATE : NO_HEADERS);
  }

  #notePresence(): void {
    const isVisit = this.#isTouched || this.#isNew;
    if (!isVisit || this.#isTransient || this.isSuperseded) return;
    this.#registry.presence?.note(this.#session!);
  }

  #setCookie(): SessionHeaders | undefined {
    const session = this.#session;
    const isLive = session !== undefined && !this.#isTransient &&
      !this.#isSuperseded(session) && session.isActive &&
      !this.#registry.underCheck.has(session);
    if (isLive) {
      const token = this.#newToken ??
        this.#tokenToRepeat(session, session[PARTS]?.access);
      if (token === undefined) return undefined;
      if (this.#tokens.carried?.isBearer) return headersOfBearer(token);
      const isSecure = this.#tokens.isSecure;
      if (!isSecure) {
        this.#registry.firstReports.noteInsecureCookie(this.#source);
      }
      return headersOfToken(this.#registry, session, token, isSecure);
    }
    if (!this.#hasLoggedOut || !this.#tokens.carried?.hasCookie) {
      return undefined;
    }
    return headersOfLogout(this.#registry, this.#tokens.isSecure);
  }

  /** The token that is sent again in a persistent cookie, to extend its age. */
  #tokenToRepeat(
    session: Session,
    access: SessionAccess | undefined,
  ): string | undefined {
    if (!this.#isTouched) return undefined;
    const isProlonged = access?.isRemembered === true &&
      session.absoluteTimeout > (this.#absoluteTimeout ?? Infinity);
    if (!this.#registry.cookie.isPersistent && !isProlonged) return undefined;
    const isCurrent = this.#generation >= (access?.generation ?? 0);
    return isCurrent ? this.#token : undefined;
  }

  #mustNotBeFinished(): void {
    if (!this.#isFinished || this.#hasFailed) return;
    throw new TooLateForCookieError(
      "Cannot make a session: the response has been produced; call getSession() before returning it",
    );
  }
}
