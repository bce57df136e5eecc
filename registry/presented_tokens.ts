import { ID_LENGTH } from "../base/ids.ts";
import { callGuarded } from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import type { Lookup } from "./session_backend.ts";
import {
  type CarriedTokens,
  isCookieKeptBack,
  prefetchOf,
  tokensOf,
  TooLateForCookieError,
} from "./session_cookie.ts";
import type { SessionRegistry } from "./session_registry.ts";
import type { RequestFacts, SuspiciousToken } from "./sessions_options.ts";
import type { Session } from "../session.ts";
import type { TokenFacts } from "../session/access.ts";
import { FIND_TOKEN, PARTS } from "../session/internals.ts";

/** The parts of a request that reading its tokens uses. */
export interface TokenRequest extends RequestFacts {
  /** The method, as the client sent it. */
  readonly method: string;
}

/** A token of a request, and the session that it was issued for. */
export interface FoundToken {
  readonly session: Session;
  readonly token: TokenFacts;
  readonly lookup: Lookup;
}

/** The most cookies of the name that are looked up for one request. */
const MAX_COOKIES = 4;

const TOKEN_LENGTH = 2 * ID_LENGTH;

const TOKEN = /^[\da-f]{64}$/;

const NO_LOOKUPS: readonly Lookup[] = [];
const NONE_FOUND: readonly FoundToken[] = [];

/** The tokens that a request came with, and the sessions that they were issued for. */
export class PresentedTokens {
  /**
   * The tokens of the cookies, if they open different sessions: then none is used.
   */
  inConflict: readonly FoundToken[] = NONE_FOUND;
  /** The outcome of their lookups; empty until the tokens are read. */
  lookups: readonly Lookup[] = NO_LOOKUPS;
  /** The tokens as they came. */
  carried: CarriedTokens | undefined = undefined;
  /** Whether the cookie is that of https. */
  isSecure = false;
  /** Whether such a request may prolong a session. */
  mayTouch = false;
  /** Whether such a request may create a session that is kept. */
  mayCreate = false;
  readonly #registry: SessionRegistry;
  readonly #request: TokenRequest;

  constructor(registry: SessionRegistry, request: TokenRequest) {
    this.#registry = registry;
    this.#request = request;
  }

  /**
   * Reads the tokens, unless that is done.
   *
   * @param isExcluded Whether the request neither creates nor prolongs a session.
   * @throws {TooLateForCookieError} If the request can no longer be read.
   */
  read(isExcluded: boolean): readonly Lookup[] {
    if (this.carried !== undefined) return this.lookups;
    const registry = this.#registry;
    // Refuses a request that names two hosts.
    const { request } = this.#request;
    try {
      const { isSecure, method } = this.#request;
      const { headers } = request;
      const { cookie } = registry;
      const prefetch = prefetchOf(headers);
      this.isSecure = cookie.isAlwaysSecure || isSecure;
      const { hasCookie, isBearer } = this.carried = tokensOf(
        headers,
        registry,
        this.isSecure,
      );
      this.mayTouch = method !== "HEAD" && prefetch !== "foreign";
      this.mayCreate = method !== "HEAD" && prefetch === undefined &&
        (hasCookie || isBearer ||
          !isCookieKeptBack(method, headers, cookie.sameSite(this.isSecure)));
    } catch (cause) {
      throw new TooLateForCookieError(
        "Cannot look for the session: the request can no longer be read; ask for it before Deno.upgradeWebSocket()",
        { cause },
      );
    }
    const { values, isLeaked } = this.carried;
    const isTouch = !isLeaked && !isExcluded && this.mayTouch;
    return this.lookups = lookupsOf(values, registry, isLeaked, isTouch);
  }

  /**
   * Checks that each session could be looked up.
   *
   * @throws {HttpError} 503 if the lookup of a session failed.
   */
  checkLoaded(): void {
    for (const { failure } of this.lookups) {
      if (failure === undefined) continue;
      throw new HttpError(
        503,
        "Your session cannot be looked up at the moment. Please try again.",
        failure,
      );
    }
  }

  /** Finds the token to use, and reports suspicious ones. */
  find(): FoundToken | undefined {
    const { lookups } = this;
    if (lookups.length === 0) return undefined;
    if (lookups.length === 1) return this.#find(lookups[0]!, true);
    const found = lookups.map((lookup) => this.#find(lookup, false))
      .filter((one) => one !== undefined);
    // A superseded token is recognized, but opens nothing.
    const open = openingTokens(found);
    const sessions = new Set(open.map(({ session }) => session));
    if (sessions.size < 2) return newestToken(open.length > 0 ? open : found);
    this.inConflict = open;
    const [{ session }] = open as [FoundToken];
    this.#suspect("several-cookies", session);
  }

  /**
   * Finds the session of a token that is recognized; reports a suspicious token.
   *
   * @param isOnly Whether the request came with no other token.
   */
  #find(lookup: Lookup, isOnly: boolean): FoundToken | undefined {
    const registry = this.#registry;
    const session = registry.sessions.get(lookup.uid);
    if (!session?.isActive || registry.underCheck.has(session)) {
      return undefined;
    }
    const isInsecure = lookup.isLeaked || session.isSecure && !this.isSecure;
    const token = session[FIND_TOKEN](lookup.key, lookup.keyBegin);
    // The deadline of a session that is opened is checked when it is used. If several
    // sessions were alive when they were loaded, none was touched: they all count.
    const isOpened = isOnly
      ? token?.until === Infinity && !isInsecure
      : lookup.loaded !== undefined;
    if (!isOpened && session.checkExpired()) return undefined;
    if (token === undefined) {
      if (TOKEN.test(lookup.token)) {
        this.#suspect("wrong-secret", session);
      }
      return undefined;
    }
    const isFading = token.until !== Infinity;
    if (isFading && isExpired(lookup, token, registry.clock.now())) {
      this.#suspect("outdated-token", session);
      return undefined;
    }
    if (!isInsecure) return { session, token, lookup };
    this.#suspect("insecure-transport", session);
    if (registry.options.endsInsecureSessions) registry.end(session, "revoked");
  }

  /** Reports a token that its sender should not have. */
  #suspect(kind: SuspiciousToken["kind"], session: Session): void {
    const { options: { onSuspiciousSession }, site } = this.#registry;
    if (onSuspiciousSession === undefined) return;
    const request = this.#request;
    callGuarded(
      () => onSuspiciousSession({ kind, session, request }),
      (error) => site.reportError(error, { session, request }),
    );
  }

  /**
   * Whether a token belonged to a session when the request arrived: it is in
   * conflict, or it was recognized when its record was loaded. The session may have
   * ended since, or its deadline may have passed in this process only.
   */
  get wereRecognized(): boolean {
    return this.inConflict.length > 0 || this.lookups.some(wasRecognized);
  }

  /**
   * Returns the sessions of tokens that were recognized when their records were
   * loaded. A deadline may have passed in this process only, and hidden a session
   * when the tokens were judged.
   */
  recognizedSessions(): Session[] {
    return this.lookups.flatMap((lookup) => {
      const session = this.#registry.sessions.get(lookup.uid);
      if (session === undefined || !wasRecognized(lookup)) return [];
      const isInsecure = lookup.isLeaked || session.isSecure && !this.isSecure;
      return isInsecure ? [] : [session];
    });
  }
}

/** Returns whether a token was recognized when its record was loaded. */
function wasRecognized({ key, loaded }: Lookup): boolean {
  return loaded?.tokens.some(({ hash, until }) =>
    hash === key && loaded.now < until
  ) === true;
}

/**
 * Returns the lookups of the first four different values that have the form of a
 * token.
 */
function lookupsOf(
  values: readonly string[],
  registry: SessionRegistry,
  isLeaked: boolean,
  isTouch: boolean,
): readonly Lookup[] {
  const [first] = values;
  if (first === undefined) return NO_LOOKUPS;
  if (values.length === 1) {
    // In memory a single token needs no check of its form: no session has another
    // form.
    return first.length === TOKEN_LENGTH &&
        (!registry.isStored || TOKEN.test(first))
      ? [lookupOf(first, registry, isLeaked, isTouch)]
      : NO_LOOKUPS;
  }
  // The last value is that of the first cookie.
  const tokens = values.toReversed().filter((value) => TOKEN.test(value));
  return [...new Set(tokens)].slice(0, MAX_COOKIES)
    .map((token) => lookupOf(token, registry, isLeaked, isTouch));
}

function lookupOf(
  token: string,
  registry: SessionRegistry,
  isLeaked: boolean,
  isTouch: boolean,
): Lookup {
  // In memory the secret is compared where it is, since each slice costs time.
  const { isStored } = registry;
  return {
    token,
    uid: token.slice(0, ID_LENGTH),
    key: isStored ? registry.backend.keyOf(token.slice(ID_LENGTH)) : token,
    keyBegin: isStored ? 0 : ID_LENGTH,
    isLeaked,
    isTouch,
    failure: undefined,
    loaded: undefined,
    askedAt: undefined,
    drops: 0,
  };
}

/** Returns the tokens that open their sessions: those that no login superseded. */
export function openingTokens(found: readonly FoundToken[]): FoundToken[] {
  return found.filter(({ session, token }) =>
    token.generation >= (session[PARTS]?.access?.loginGeneration ?? 0)
  );
}

/** Returns the token that was issued last; all are of one session. */
function newestToken(found: readonly FoundToken[]): FoundToken | undefined {
  const [newest] = found.toSorted((one, other) =>
    other.token.generation - one.token.generation
  );
  return newest;
}

/** Returns whether a token had expired when the store was asked, by its clock. */
function isExpired(
  { key, loaded, askedAt }: Lookup,
  { until }: TokenFacts,
  now: number,
): boolean {
  const stored = loaded?.tokens.find(({ hash }) => hash === key);
  return stored === undefined || stored.until === Infinity
    ? (askedAt ?? now) >= until
    : loaded!.now >= stored.until;
}
