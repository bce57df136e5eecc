import { ID_LENGTH } from "../base/ids.ts";
import { ABOVE_ZERO, type OptionRules } from "../base/options.ts";
import { callGuarded } from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import type { Lookup } from "./session_backend.ts";
import type { SessionRegistry } from "./session_registry.ts";
import type { RequestFacts, SuspiciousToken } from "./sessions_options.ts";
import type { Session } from "../session.ts";
import type { TokenFacts } from "../session/access.ts";
import { ACCESS, FIND_TOKEN, OPEN_ACCESS } from "../session/internals.ts";

/** One of several tokens of a request, and the session that it was issued for. */
export interface FoundToken {
  readonly session: Session;
  readonly token: TokenFacts;
  readonly lookup: Lookup;
}

/** The most cookies of the name that are looked up for one request. */
const MAX_COOKIES = 4;

/** The lookups of a request without a token. */
export const NO_LOOKUPS: readonly Lookup[] = [];

const TOKEN_LENGTH = 2 * ID_LENGTH;

const TOKEN = /^[\da-f]{64}$/;

/**
 * Returns the lookups of the first four different values that have the form of a
 * token.
 */
export function lookupsOf(
  values: readonly string[],
  registry: SessionRegistry,
  isLeaked: boolean,
  isTouch: boolean,
): readonly Lookup[] {
  if (values.length === 1) {
    const token = values[0]!;
    // In memory a single token needs no check of its form: no session has another
    // form.
    return token.length === TOKEN_LENGTH &&
        (!registry.isStored || TOKEN.test(token))
      ? [lookupOf(token, registry, isLeaked, isTouch)]
      : NO_LOOKUPS;
  }
  if (values.length === 0) return NO_LOOKUPS;
  const lookups: Lookup[] = [];
  // The last value is that of the first cookie.
  for (const token of values.toReversed()) {
    if (!TOKEN.test(token) || isAmong(lookups, token)) continue;
    lookups.push(lookupOf(token, registry, isLeaked, isTouch));
    if (lookups.length === MAX_COOKIES) break;
  }
  return lookups;
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
    session: undefined,
    failure: undefined,
    loaded: undefined,
    askedAt: undefined,
    drops: 0,
  };
}

function isAmong(lookups: readonly Lookup[], token: string): boolean {
  return lookups.some((lookup) => lookup.token === token);
}

/**
 * Checks that each session could be looked up.
 *
 * @throws {HttpError} 503 if the lookup of a session failed.
 */
export function checkLoaded(lookups: readonly Lookup[]): void {
  for (const { failure } of lookups) {
    if (failure === undefined) continue;
    throw new HttpError(
      503,
      "Your session cannot be looked up at the moment. Please try again.",
      failure,
    );
  }
}

/**
 * Finds the session of a token that is recognized, and keeps it in the lookup;
 * reports a suspicious token.
 *
 * @param isOnly Whether the request came with no other token.
 */
export function findByToken(
  registry: SessionRegistry,
  lookup: Lookup,
  request: RequestFacts,
  isOnly: boolean,
): TokenFacts | undefined {
  const session = registry.sessions.get(lookup.uid);
  if (!session?.isActive || registry.underCheck.has(session)) return undefined;
  const isInsecure = cameInsecurely(registry, lookup, session, request);
  const token = session[FIND_TOKEN](lookup.key, lookup.keyBegin);
  // The deadline of a session that is opened is checked when it is used.
  const isOpened = token?.until === Infinity && !isInsecure && isOnly;
  if (!isOpened && session.checkExpired()) return undefined;
  if (token === undefined) {
    if (TOKEN.test(lookup.token)) {
      suspect(registry, "wrong-secret", session, request);
    }
    return undefined;
  }
  const isFading = token.until !== Infinity;
  if (isFading && (lookup.askedAt ?? registry.clock.now()) >= token.until) {
    suspect(registry, "outdated-token", session, request);
    return undefined;
  }
  if (!isInsecure) {
    lookup.session = session;
    return token;
  }
  suspect(registry, "insecure-transport", session, request);
  if (registry.options.endsInsecureSessions) registry.end(session, "revoked");
  return undefined;
}

/** Returns whether a token of a session that was made over https came over http. */
function cameInsecurely(
  { cookie }: SessionRegistry,
  { isLeaked }: Lookup,
  { isSecure }: Session,
  request: RequestFacts,
): boolean {
  return isLeaked || isSecure && !cookie.isAlwaysSecure && !request.isSecure;
}

/**
 * Returns the sessions of tokens that were recognized when their records were loaded.
 * A deadline may have passed in this process only, and hidden a session when the
 * tokens were judged.
 */
export function recognizedSessions(
  registry: SessionRegistry,
  lookups: readonly Lookup[],
  request: RequestFacts,
): Session[] {
  return lookups.flatMap((lookup) => {
    const session = registry.sessions.get(lookup.uid);
    return session !== undefined && wereRecognized([lookup]) &&
        !cameInsecurely(registry, lookup, session, request)
      ? [session]
      : [];
  });
}

/**
 * Returns whether a token was recognized when its record was loaded. The session may
 * have ended since, or its deadline may have passed in this process only.
 */
export function wereRecognized(lookups: readonly Lookup[]): boolean {
  return lookups.some(({ key, loaded }) =>
    loaded?.tokens.some(({ hash, until }) =>
      hash === key && loaded.now < until
    ) === true
  );
}

/** Returns the tokens that open their sessions: those that no login superseded. */
export function openingTokens(found: readonly FoundToken[]): FoundToken[] {
  return found.filter(({ session, token }) =>
    token.generation >= (session[ACCESS]?.loginGeneration ?? 0)
  );
}

/** Returns the token that was issued last; all are of one session. */
export function newestToken(
  found: readonly FoundToken[],
): FoundToken | undefined {
  const [newest] = found.toSorted((one, other) =>
    other.token.generation - one.token.generation
  );
  return newest;
}

/** Reports a token that its sender should not have. */
export function suspect(
  { options, site }: Pick<SessionRegistry, "options" | "site">,
  kind: SuspiciousToken["kind"],
  session: Session,
  request: RequestFacts,
): void {
  const { onSuspiciousSession } = options;
  if (onSuspiciousSession === undefined) return;
  callGuarded(
    () => onSuspiciousSession({ kind, session, request }),
    (error) => site.reportError(error, { session, request }),
  );
}

/**
 * Prepares a login to the session of a token: ends the session of another
 * principal, and makes room for the session of this one.
 *
 * @param key The key of the token.
 * @returns whether the session may be used; if not, the login needs a new one.
 */
export function prepareLogin(
  registry: SessionRegistry,
  session: Session,
  key: string,
  principal: string,
  now: number,
): boolean {
  const token = session[FIND_TOKEN](key);
  const plan = session[OPEN_ACCESS]().planLogin(token, principal, now);
  if (plan === "switch") {
    registry.checkBegin();
    registry.makeRoomFor(principal);
    registry.end(session, "logout");
  }
  if (plan === "switch" || plan === "new") return false;
  if (session.principal !== principal) {
    registry.makeRoomFor(principal, session);
  }
  // A callback of an eviction may have ended the session.
  return session.isActive;
}

/** Sets the principal of a session that has just begun. */
export function logInNew(
  registry: SessionRegistry,
  session: Session,
  principal: string,
  isRemembered: boolean,
): void {
  const access = session[OPEN_ACCESS]();
  access.principal = principal;
  access.authenticatedAt = registry.clock.now();
  access.isRemembered = isRemembered;
  registry.backend.changed(session, {
    kind: "access",
    operation: { kind: "principal", principal },
  });
  registry.indexPrincipal(session, undefined);
  session.startCheckingExpiration();
}

/** The options of a login. */
export interface LogInOptions {
  /**
   * Seconds that the browser keeps the cookie, and the `sessionTimeout` of this
   * session; above 0.
   *
   * @default {undefined}
   */
  remember?: number;
}

/** The rules that the options of a login are checked by. */
export const LOG_IN_RULES: OptionRules<LogInOptions> = {
  remember: ABOVE_ZERO,
};
