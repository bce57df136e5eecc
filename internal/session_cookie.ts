import { type Cookie, setCookie } from "@std/http/cookie";
import { describe } from "./describe.ts";
import { isSpace, trimSpace } from "./white_space.ts";

/** How the cookie of a site's sessions is written; everything may be left out. */
export interface SessionCookieOptions {
  /**
   * Which requests from other sites carry it. "None" needs https; over http it
   * is "Lax".
   *
   * @default {"Lax"}
   */
  sameSite?: "Strict" | "Lax" | "None";
  /**
   * The domain whose subdomains get it too. With one, the prefix over https is
   * `__Secure-` in place of `__Host-`.
   *
   * @default {none: this host only}
   */
  domain?: string;
  /**
   * The path below which it is sent. Other than "/", the prefix over https is
   * `__Secure-` in place of `__Host-`. It is no protection: pages of one host
   * can reach each other.
   *
   * @default {"/"}
   */
  path?: string;
  /**
   * Whether each site that embeds this one has its own, over https.
   *
   * @default {false}
   */
  partitioned?: boolean;
  /**
   * Whether the browser keeps it when it is closed, for as long as the session
   * would last, 400 days at most. It is sent again with each visit then.
   *
   * @default {false}
   */
  persistent?: boolean;
}

/** What can be a cookie's domain; std lets a semicolon through. */
const DOMAIN = /^\.?[a-z\d]([a-z\d.-]*[a-z\d])?$/i;

/** The most that browsers keep a cookie, in seconds: 400 days (RFC 6265bis). */
const LONGEST_AGE = 400 * 24 * 60 * 60;

/** The cookie that carries the token of a session: its names, and how it is written. */
export class SessionCookie {
  /** Whether it is to be sent with each visit, with its age. */
  readonly isPersistent: boolean;
  readonly #plain: Variant;
  readonly #secure: Variant;

  /**
   * @throws {TypeError} If the name is not a string.
   * @throws {SyntaxError} If no cookie can have the name, the domain or the path.
   * @throws {RangeError} If `sameSite` is none of the three.
   */
  constructor(name: string, options: SessionCookieOptions = {}) {
    checkName(name);
    const { sameSite = "Lax", domain, path = "/", partitioned } = options;
    if (!["Strict", "Lax", "None"].includes(sameSite)) {
      throw new RangeError(
        `Cannot use sameSite ${describe(sameSite)}: not Strict, Lax or None`,
      );
    }
    if (domain !== undefined && !DOMAIN.test(domain)) {
      throw new SyntaxError(
        `Cannot use cookie domain ${describe(domain)}: it is none`,
      );
    }
    if (!path.startsWith("/")) {
      throw new SyntaxError(
        `Cannot use cookie path ${describe(path)}: it does not begin with "/"`,
      );
    }
    const cookie: Omit<Cookie, "name"> = {
      value: "",
      httpOnly: true,
      path,
      sameSite,
    };
    if (domain !== undefined) cookie.domain = domain;
    this.isPersistent = options.persistent ?? false;
    this.#plain = variantOf({
      ...cookie,
      name,
      sameSite: sameSite === "None" ? "Lax" : sameSite,
    });
    // A browser takes a "__Host-" cookie from this very host only.
    const prefix = domain === undefined && path === "/"
      ? "__Host-"
      : "__Secure-";
    this.#secure = variantOf({
      ...cookie,
      name: prefix + name,
      secure: true,
      partitioned: partitioned ?? false,
    });
  }

  /** The token that a request carries, whatever it is worth. */
  tokenIn(headers: Headers, isSecure: boolean): string | undefined {
    const header = headers.get("cookie");
    return header === null
      ? undefined
      : findCookie(header, this.#variant(isSecure).name);
  }

  /**
   * The `Set-Cookie` that hands a token to the visitor.
   *
   * @param maxAge Seconds that a persistent one is kept.
   */
  set(token: string, isSecure: boolean, maxAge: number): string {
    const { name, attributes } = this.#variant(isSecure);
    const cookie = `${name}=${token}${attributes}`;
    return this.isPersistent
      ? `${cookie}; Max-Age=${Math.min(Math.ceil(maxAge), LONGEST_AGE)}`
      : cookie;
  }

  /** The `Set-Cookie` that takes the token from the visitor. */
  clear(isSecure: boolean): string {
    return this.#variant(isSecure).clear;
  }

  #variant(isSecure: boolean): Variant {
    return isSecure ? this.#secure : this.#plain;
  }
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== "string") {
    throw new TypeError(
      `Cannot use cookieName: not a string: ${describe(name)}`,
    );
  }
  if (name === "" || /^__(host|secure)-/i.test(name)) {
    throw new SyntaxError(
      `Cannot use cookieName "${name}": ${
        name === "" ? "it is empty" : 'over https "__Host-" is put before it'
      }`,
    );
  }
}

/** What is written for one scheme; tokens need no encoding, so once is enough. */
interface Variant {
  readonly name: string;
  /** All that follows the token. */
  readonly attributes: string;
  readonly clear: string;
}

function variantOf(cookie: Cookie): Variant {
  const { name } = cookie;
  return {
    name,
    attributes: serializeCookie(cookie).slice(`${name}=`.length),
    clear: serializeCookie({ ...cookie, expires: new Date(0) }),
  };
}

/**
 * Finds the value of the last cookie of a name in a `Cookie` header.
 *
 * It reads as getCookies of `@std/http` does, without an object of all cookies,
 * except that only SP and HTAB around a name are no part of it (RFC 6265bis).
 * getCookies trims what Unicode calls a space. A browser sees no prefix in a name
 * that begins with the byte A0, so it lets a subdomain set a cookie that
 * getCookies reads as `__Host-session`.
 */
export function findCookie(header: string, name: string): string | undefined {
  // From the end, as the last one counts.
  let end = header.length;
  while (end > 0) {
    const begin = header.lastIndexOf(";", end - 1) + 1;
    let at = begin;
    while (at < end && isSpace(header, at)) at++;
    if (header.startsWith(name, at)) {
      const pair = header.slice(at, end);
      const equals = pair.indexOf("=");
      const key = equals === -1 ? pair : pair.slice(0, equals);
      if (trimSpace(key) === name) {
        return equals === -1 ? "" : pair.slice(equals + 1);
      }
    }
    end = begin - 1;
  }
  return undefined;
}

/**
 * The value of a `Set-Cookie` header.
 *
 * @throws {SyntaxError} If no cookie can have the name or the value.
 */
export function serializeCookie(cookie: Cookie): string {
  if (cookie.name === "") {
    throw new SyntaxError("Cannot set a cookie: its name is empty");
  }
  if (cookie.domain && !DOMAIN.test(cookie.domain)) {
    throw new SyntaxError(
      `Cannot set cookie "${cookie.name}": no domain: ${
        describe(cookie.domain)
      }`,
    );
  }
  const headers = new Headers();
  // A copy, for setCookie changes what it is given when a prefix demands it.
  setCookie(headers, { ...cookie });
  return headers.getSetCookie()[0]!;
}
