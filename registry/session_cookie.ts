import { describe } from "../base/describe.ts";
import {
  BOOLEAN,
  checkOptions,
  oneOf,
  type OptionRules,
  STRING,
} from "../base/options.ts";
import { COOKIE_DOMAIN, COOKIE_NAME, findCookies } from "../http/headers.ts";

/** Thrown when a cookie would be set after the response was produced. */
export class TooLateForCookieError extends Error {
  /** @ignore */
  override name = "TooLateForCookieError";
}

/** The attributes of the session cookie; each may be left out. */
export interface SessionCookieOptions {
  /**
   * Whether the cookie is always written as over https, with `Secure` and the
   * prefix, for requests over plain http too. Set it behind a proxy that takes
   * https and is not trusted by `trustProxy`.
   *
   * Browsers send such a cookie over https, and to localhost, only. So over plain
   * http each request of another host begins a session. Changing this option logs
   * out the visitors who came over plain http, as the name changes.
   *
   * @default {false}
   */
  secure?: boolean;
  /**
   * The requests from other sites that carry the cookie. "None" needs https; over
   * http it is "Lax".
   *
   * @default {"Lax"}
   */
  sameSite?: "Strict" | "Lax" | "None";
  /**
   * The domain whose hosts get the cookie; without a domain, only this host gets
   * it. With a domain, the prefix over https is `__Secure-` in place of `__Host-`.
   *
   * @default {undefined}
   */
  domain?: string;
  /**
   * The path below which the cookie is sent. With another path than "/", the prefix
   * over https is `__Secure-` in place of `__Host-`. A path does not protect the
   * cookie: pages of one host can reach each other.
   *
   * @default {"/"}
   */
  path?: string;
  /**
   * Whether each site that embeds this one has a cookie of its own, over https.
   *
   * @default {false}
   */
  partitioned?: boolean;
  /**
   * Whether the browser keeps the cookie when it is closed, for as long as the
   * session would last, 400 days at most. Then the cookie is sent again with each
   * visit.
   *
   * @default {false}
   */
  persistent?: boolean;
}

const RULES: OptionRules<SessionCookieOptions> = {
  secure: BOOLEAN,
  sameSite: oneOf("Strict", "Lax", "None"),
  domain: STRING,
  path: STRING,
  partitioned: BOOLEAN,
  persistent: BOOLEAN,
};

/** Matches a path that a cookie can have. */
const PATH = /^\/[ -:<-~]*$/;

/** The most that browsers keep a cookie, in seconds: 400 days (RFC 6265bis). */
const LONGEST_AGE = 400 * 24 * 60 * 60;

/** The cookie that carries the token of a session: its names, and how it is written. */
export class SessionCookie {
  /** Whether the cookie is sent with each visit, to extend its age. */
  readonly isPersistent: boolean;
  /** Whether the cookie is written as over https for all requests. */
  readonly isAlwaysSecure: boolean;
  readonly #plain: Variant;
  readonly #secure: Variant;

  /**
   * @throws {SyntaxError} If no cookie can have the name, the domain or the path.
   * @throws {RangeError} If `sameSite` is not one of the three.
   */
  constructor(name: string, options: SessionCookieOptions = {}) {
    checkName(name);
    checkOptions("make the session cookie", options, RULES);
    const { sameSite = "Lax", domain, path = "/", partitioned } = options;
    if (domain !== undefined) check("domain", domain, COOKIE_DOMAIN);
    check("path", path, PATH);
    this.isPersistent = options.persistent ?? false;
    this.isAlwaysSecure = options.secure ?? false;
    const scope = domain === undefined ? "" : `; Domain=${domain}`;
    const ofSameSite = (sameSite: SameSite) =>
      `${scope}; SameSite=${sameSite}; Path=${path}`;
    const plainSameSite = sameSite === "None" ? "Lax" : sameSite;
    this.#plain = {
      sameSite: plainSameSite,
      name,
      attributes: `; HttpOnly${ofSameSite(plainSameSite)}`,
    };
    // Browsers refuse a "__Host-" cookie with a domain or another path.
    const prefix = domain === undefined && path === "/"
      ? "__Host-"
      : "__Secure-";
    this.#secure = {
      sameSite,
      name: prefix + name,
      attributes: `; Secure; HttpOnly${partitioned ? "; Partitioned" : ""}${
        ofSameSite(sameSite)
      }`,
    };
  }

  /** Returns which requests from other sites carry the cookie. */
  sameSite(isSecure: boolean): SameSite {
    return this.#variant(isSecure).sameSite;
  }

  /** Returns the values of the cookies of the name in a `Cookie` header. */
  tokensIn(header: string, isSecure: boolean): readonly string[] {
    return findCookies(header, this.#variant(isSecure).name);
  }

  /**
   * Returns the `Set-Cookie` that gives the client a token.
   *
   * @param maxAge Seconds that the browser keeps it; undefined for until it is
   * closed.
   */
  set(token: string, isSecure: boolean, maxAge: number | undefined): string {
    const { name, attributes } = this.#variant(isSecure);
    const cookie = `${name}=${token}${attributes}`;
    return maxAge === undefined
      ? cookie
      : `${cookie}; Max-Age=${Math.min(Math.ceil(maxAge), LONGEST_AGE)}`;
  }

  /** Returns the `Set-Cookie` that clears the cookie. */
  clear(isSecure: boolean): string {
    const { name, attributes } = this.#variant(isSecure);
    return `${name}=${attributes}; Expires=Thu, 01 Jan 1970 00:00:00 GMT`;
  }

  #variant(isSecure: boolean): Variant {
    return isSecure ? this.#secure : this.#plain;
  }
}

function check(what: "domain" | "path", text: string, form: RegExp): void {
  if (form.test(text)) return;
  const shown = describe(text);
  throw new SyntaxError(
    `Cannot use cookie ${what} ${shown}: it is not a ${what}`,
  );
}

function checkName(name: string): void {
  const hasPrefix = /^__(host|secure)-/i.test(name);
  if (!hasPrefix && COOKIE_NAME.test(name)) return;
  const why = hasPrefix
    ? 'over https "__Host-" is put before it'
    : "it is not a valid name of a cookie";
  throw new SyntaxError(`Cannot use cookieName ${describe(name)}: ${why}`);
}

/** Which requests from other sites carry a cookie. */
export type SameSite = "Strict" | "Lax" | "None";

/** The cookie of one scheme, built once: tokens need no encoding. */
interface Variant {
  readonly sameSite: SameSite;
  readonly name: string;
  /** The part after the token. */
  readonly attributes: string;
}

/**
 * How tokens travel: `"cookie"`, in a header of their own (`"bearer"`), or in the
 * way that each request chooses (`"both"`).
 */
export type SessionTransport = "cookie" | "bearer" | "both";

/** The tokens that a request carries. */
export interface CarriedTokens {
  /** The values in the place of a token, as the client sent them. */
  readonly values: readonly string[];
  /** Whether the token travels in headers of its own, and the response's too. */
  readonly isBearer: boolean;
  /** Whether the request has a session cookie that is not ignored. */
  readonly hasCookie: boolean;
  /** Whether the tokens were meant for https, and came over plain http. */
  readonly isLeaked: boolean;
}

/** `Authorization: Bearer <token>` (RFC 6750, 2.1). */
const BEARER = /^bearer +([^ ]+) *$/i;

const NO_TOKENS: CarriedTokens = {
  values: [],
  isBearer: false,
  hasCookie: false,
  isLeaked: false,
};

/** Returns the tokens of a request. */
export function tokensOf(
  headers: Headers,
  { cookie, transport }: {
    readonly cookie: SessionCookie;
    readonly transport: SessionTransport;
  },
  isSecure: boolean,
): CarriedTokens {
  if (transport !== "cookie") {
    const authorization = headers.get("authorization") ?? "";
    // If the cookie were used, a page could read the token of its HttpOnly cookie.
    const isBearer = transport === "bearer" ||
      /^bearer /i.test(authorization) ||
      headers.get("session-transport")?.toLowerCase() === "bearer";
    if (isBearer) {
      const token = BEARER.exec(authorization)?.[1];
      const values = token === undefined ? [] : [token];
      return { values, isBearer, hasCookie: false, isLeaked: false };
    }
  }
  const header = headers.get("cookie");
  if (header === null) return NO_TOKENS;
  const values = cookie.tokensIn(header, isSecure);
  const hasCookie = values.length > 0;
  if (hasCookie || isSecure) {
    return { values, isBearer: false, hasCookie, isLeaked: false };
  }
  // A token for https only: it is reported.
  const leaked = cookie.tokensIn(header, true);
  return { values: leaked, isBearer: false, hasCookie, isLeaked: true };
}

/**
 * A prefetch, by a page of this origin or of another; undefined for other requests.
 */
export type Prefetch = "own" | "foreign" | undefined;

/** Returns whether a request is a prefetch, and whose page asked for it. */
export function prefetchOf(headers: Headers): Prefetch {
  if (!headers.get("sec-purpose")?.includes("prefetch")) return undefined;
  // Over plain http browsers do not say which page asked.
  const site = headers.get("sec-fetch-site") ?? "same-origin";
  return site === "same-origin" ? "own" : "foreign";
}

/** Returns whether a browser keeps a cookie from a request, by its `SameSite`. */
export function isCookieKeptBack(
  method: string,
  headers: Headers,
  sameSite: SameSite,
): boolean {
  if (sameSite === "None") return false;
  if (headers.get("sec-fetch-site") !== "cross-site") return false;
  if (sameSite === "Strict") return true;
  const isNavigation = headers.get("sec-fetch-mode") === "navigate" &&
    (method === "GET" || method === "HEAD");
  return !isNavigation;
}
