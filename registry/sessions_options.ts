import type { Clock } from "../base/clock.ts";
import type { Session, SessionSite } from "../session.ts";
import type { TrustedProxy } from "../http/connection.ts";
import type { SessionStore } from "../stores/store.ts";
import type {
  SessionCookieOptions,
  SessionTransport,
} from "./session_cookie.ts";

/** A class of sessions. */
export type SessionFactory = new (site: SessionSite, uid: string) => Session;

/** The facts of a request, for options that are functions. */
export interface RequestFacts {
  /** The request as it came. */
  readonly request: Request;
  /** Whether it came over https. */
  readonly isSecure: boolean;
  /** The address of the client, if it is known. */
  readonly remoteAddress: string | undefined;
}

/** The request or the session that a reported error concerns. */
export interface SessionErrorContext {
  /** The request that was being answered. */
  readonly request?: RequestFacts;
  /** The session that was being changed or ended. */
  readonly session?: Session;
}

/** A request with a token that its sender should not have. */
export interface SuspiciousToken {
  /**
   * - `"wrong-secret"`: the uid of a session with a wrong secret
   * - `"outdated-token"`: a replaced token, after its grace
   * - `"insecure-transport"`: a token of a session made over https, on plain http
   * - `"several-cookies"`: several cookies of the name, with different tokens
   */
  readonly kind:
    | "wrong-secret"
    | "outdated-token"
    | "insecure-transport"
    | "several-cookies";
  /** The session that the token names. */
  readonly session: Session;
  /** The request with the token. */
  readonly request: RequestFacts;
}

/** The options of a `Sessions`; each may be left out. */
export interface SessionsOptions {
  /**
   * The class of the sessions: a subclass with timeouts of its own, for example.
   *
   * @default {Session}
   */
  sessionFactory?: SessionFactory;
  /**
   * Seconds without access after which a session ends, unless its class has a
   * `sessionTimeout` of its own.
   *
   * @default {900}
   */
  sessionTimeout?: number;
  /**
   * Seconds after which a session ends in spite of access, unless its class has an
   * `absoluteTimeout` of its own.
   *
   * @default {Infinity}
   */
  absoluteTimeout?: number;
  /**
   * The most sessions that may live in this process, 1 or more. Beyond them a
   * new session evicts the one that has been idle longest, anonymous ones first:
   * a flood of clients without cookies neither fills the memory nor evicts users
   * who have logged in. Then those of the principal with the most sessions go, if
   * it has more than 8, or more than half of the limit: so one account cannot evict
   * the sessions of others.
   *
   * A request under way counts as access. If thousands of sessions were accessed
   * since the last eviction, one among the longest idle goes, so that no request
   * waits for a long search. If a callback of the evicted session makes a new one
   * in its place, that fails, and is reported.
   *
   * The default keeps sessions without data to about 600 MB.
   *
   * @default {2000000}
   */
  maxSessions?: number;
  /**
   * The most sessions that one principal may have, 1 or more; over a store in all
   * processes together.
   *
   * It is applied at logins by `request.logIn()` only, not to a principal that is
   * assigned, nor when a process loads a session. Over a store that happens when
   * the login is written, before the response leaves.
   *
   * @default {Infinity}
   */
  maxSessionsPerPrincipal?: number;
  /**
   * The effect of a login beyond that limit: it ends the principal's other session
   * with the oldest login, `"evicted"`, or it is refused by a {@linkcode
   * TooManySessionsError}. Without a store `logIn()` throws it; over a store the
   * request is answered 409, and nothing that it changed is written.
   *
   * @default {"end-oldest"}
   */
  whenPrincipalIsFull?: "end-oldest" | "refuse";
  /**
   * The most callbacks that a session may have, 1 or more: for its end in this
   * process, for its end by name, and before its end, each counted separately. One
   * more is a RangeError. Register each once: a page may be visited often.
   *
   * @default {1000}
   */
  maxCallbacks?: number;
  /**
   * Seconds after the last visit, or after the last stream or socket has closed,
   * after which a visitor is away; above 0. See `sessions.onPresence()`.
   *
   * Give all processes the same value, longer than a reload of a page takes.
   *
   * @default {10}
   */
  awayAfter?: number;
  /**
   * Describes the client of a request, for `sessions.list()`: its browser and its
   * address, for example. Called when a request makes a session, and at each login;
   * the text is kept with the session, its first 1,000 characters. Errors are
   * reported, and leave the session without a new description.
   *
   * @default {undefined}
   */
  describe?(request: RequestFacts): string;
  /**
   * Seconds for which the callbacks of an end are called again after they have
   * failed, 0 or more, with growing pauses of an hour at most. Then the end becomes
   * a dead letter. Without a store only callbacks of `onEnd()` are called again.
   *
   * @default {86400}
   */
  endRetryFor?: number;
  /**
   * The most streams of events and sockets that a session may have open at once, 1
   * or more. One more is answered 429.
   *
   * @default {32}
   */
  maxStreamsPerSession?: number;
  /**
   * The most streams of events and sockets that each site, or the handlers
   * together, may have open at once, 1 or more. One more is answered 503. A stream
   * takes about 50 KB of memory, nearly all of it in Deno.
   *
   * @default {10000}
   */
  maxStreams?: number;
  /**
   * The most bytes that the values of one session may take in a store, with their
   * keys, 0 or more. A `set()` or `update()` beyond that throws a RangeError. A
   * change inside a value beyond that is reported, and its request is answered 503.
   *
   * @default {65536}
   */
  maxSessionBytes?: number;
  /**
   * Whether the first assignment of a principal during a request is reported to
   * `onError`. An assignment is not a login, since it keeps a token that others may
   * know. Turn it off in programs that assign principals outside of requests, in
   * another process for example.
   *
   * @default {true}
   */
  reportsAssignedPrincipals?: boolean;
  /**
   * Seconds for which a replaced token is still recognized, 0 or more.
   *
   * After a renewal it opens the session for this time, counted from the first
   * request with the new token. After a login it opens nothing. Its requests get a
   * session that ends with the request, and no cookie, since a cookie would replace
   * the new one in the browser.
   *
   * @default {10}
   */
  renewalGrace?: number;
  /**
   * Called for each request with a token that its sender should not have. Its
   * errors are reported.
   *
   * @default {undefined}
   */
  onSuspiciousSession?(suspicion: SuspiciousToken): unknown;
  /**
   * Whether a session made over https ends when its token arrives over plain
   * http, where others can read it. It is not opened in either case.
   *
   * @default {false}
   */
  endsInsecureSessions?: boolean;
  /**
   * The data that a browser is asked to delete at a logout, by `Clear-Site-Data`.
   * Browsers obey it over https only.
   *
   * `"cookies"` are those of the whole registrable domain: a logout from
   * `app.example.com` clears those of `shop.example.com` too. `"storage"` and
   * `"cache"` are those of the origin.
   *
   * @default {[]}
   */
  clearSiteData?: readonly ("cache" | "cookies" | "storage" | "*")[];
  /**
   * The store of the sessions, which several processes may share. Without one,
   * sessions live in the memory of this process and end with it.
   *
   * @default {undefined}
   */
  store?: SessionStore;
  /**
   * Seconds that a call to the store may take, 0.001 or more, and less than
   * `endLease`. After that, and until the store answers again, requests that need
   * a session are answered 503 at once.
   *
   * @default 2, or half of `endLease` if that is less
   */
  storeTimeout?: number;
  /**
   * Seconds that a claimed end is reserved for this process, 0.1 or more. The
   * process renews the lease while it delivers the end; if it dies, another one
   * delivers it after this time. An event loop that is blocked for longer, or a
   * store that is away for longer, may cause a second delivery.
   *
   * @default {10}
   */
  endLease?: number;
  /**
   * How tokens travel. With `"bearer"` a request carries its token in
   * `Authorization: Bearer <token>`, and the response has `Session-Token: <token>`
   * wherever a cookie would be set; cookies are neither read nor set. With `"both"`
   * that holds for requests with `Authorization: Bearer` or with
   * `Session-Transport: bearer`, and their cookies are ignored; all other requests
   * use the cookie.
   *
   * Browsers send no bearer token by themselves. So the rules about other sites do
   * not apply to it, and neither do `sameSite` and the origins of guards.
   *
   * @default {"cookie"}
   */
  transport?: SessionTransport;
  /** The options of the session cookie. */
  cookie?: SessionCookieOptions;
  /**
   * Seconds that `close()` waits for the promises of callbacks, 0 or more. Then
   * it reports the sessions whose callbacks are late. `listen` waits as long for
   * requests under way before that.
   *
   * @default {10}
   */
  shutdownTimeout?: number;
  /**
   * The name of the session cookie. Give sites on one host different names:
   * cookies do not depend on the port. Over https `__Host-` is put before it.
   *
   * @default {"session"}
   */
  cookieName?: string;
  /**
   * Called with each error of a resource, a callback or an abort listener.
   *
   * If it throws or rejects, both errors are printed. The default prints the
   * error, without the context, which holds the token.
   *
   * @default {console.error}
   */
  onError?(error: unknown, context: SessionErrorContext): unknown;
  /**
   * The headers of the proxy in front that are read for the client's address, host
   * and protocol: `"x-forwarded"` are `X-Forwarded-For`, `-Host` and `-Proto`,
   * `"forwarded"` is `Forwarded` (RFC 7239), `true` is `"x-forwarded"`. The other
   * family is never read. Set it only behind a proxy that writes the family: any
   * client can send these headers too.
   *
   * @default {false}
   */
  trustProxy?: TrustedProxy;
  /**
   * The number of proxies in front, 1 or more. Each adds an entry to the headers of
   * `trustProxy`, so the client's own entry is that many from the end, or the first
   * if there are fewer. If the number is too high, a client can choose its address.
   *
   * @default {1}
   */
  hops?: number;
  /**
   * The source of time and timers.
   *
   * @default {systemClock}
   */
  clock?: Clock;
}
