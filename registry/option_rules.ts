import {
  ABOVE_ZERO,
  atLeast,
  BOOLEAN,
  FUNCTION,
  having,
  instanceOf,
  listOf,
  OBJECT,
  oneOf,
  type OptionRule,
  type OptionRules,
  STRING,
  wholeAtLeast,
} from "../base/options.ts";
import { END_REASONS } from "../session/deadline.ts";
import type { ListSessionsOptions } from "./session_backend.ts";
import type { SessionsOptions } from "./sessions_options.ts";
import { type EndSessionsOptions, Session } from "../session.ts";

/** The data that a browser can be asked to delete. */
const FORGETTABLE: OptionRule = oneOf("cache", "cookies", "storage", "*");

/** The rules of {@linkcode SessionsOptions}. */
export const SESSIONS_OPTION_RULES: OptionRules<SessionsOptions> = {
  sessionFactory: FUNCTION,
  sessionTimeout: atLeast(0),
  absoluteTimeout: atLeast(0),
  maxSessions: atLeast(1),
  maxSessionsPerPrincipal: atLeast(1),
  whenPrincipalIsFull: oneOf("end-oldest", "refuse"),
  awayAfter: ABOVE_ZERO,
  describe: FUNCTION,
  maxCallbacks: atLeast(1),
  endRetryFor: atLeast(0),
  maxStreamsPerSession: atLeast(1),
  maxStreams: atLeast(1),
  maxSessionBytes: atLeast(0),
  reportsAssignedPrincipals: BOOLEAN,
  renewalGrace: atLeast(0),
  onSuspiciousSession: FUNCTION,
  endsInsecureSessions: BOOLEAN,
  clearSiteData: listOf(`a list of ${FORGETTABLE.kind}`, FORGETTABLE),
  store: having("a SessionStore", "load"),
  storeTimeout: atLeast(0.001),
  endLease: atLeast(0.1),
  transport: oneOf("cookie", "bearer", "both"),
  cookie: OBJECT,
  shutdownTimeout: atLeast(0),
  cookieName: STRING,
  onError: FUNCTION,
  trustProxy: {
    kind: 'true, false, "forwarded" or "x-forwarded"',
    isKind: (value) =>
      typeof value === "boolean" || value === "forwarded" ||
      value === "x-forwarded",
  },
  hops: wholeAtLeast(1),
  clock: having("a Clock", "now"),
};

/** The rules of {@linkcode EndSessionsOptions}. */
export const END_SESSIONS_RULES: OptionRules<EndSessionsOptions> = {
  except: instanceOf("a Session", Session),
  reason: oneOf(...END_REASONS),
};

/** The rules of {@linkcode ListSessionsOptions}. */
export const LIST_SESSIONS_RULES: OptionRules<ListSessionsOptions> = {
  values: BOOLEAN,
};

/** Seconds. */
const TIMEOUT = 2;
const LEASE = 10;

/**
 * Returns the seconds that a call to the store may take.
 *
 * @throws {RangeError} If that is not less than the lease of an end: when the
 * answer to a claim is late, another process could have the end already.
 */
export function storeTimeoutOf(options: SessionsOptions): number {
  const { endLease = LEASE } = options;
  const { storeTimeout = Math.min(TIMEOUT, endLease / 2) } = options;
  if (storeTimeout < endLease) return storeTimeout;
  throw new RangeError(
    `Cannot make sessions: storeTimeout is not less than endLease: ${storeTimeout} and ${endLease} s`,
  );
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
export const LOG_IN_RULES: OptionRules<LogInOptions> = { remember: ABOVE_ZERO };
