import { type Cookie, getCookies, setCookie } from "@std/http/cookie";
import { describe } from "./describe.ts";

/** The cookie that carries the token of a session: its names, and how it is written. */
export class SessionCookie {
  readonly #plain: Variant;
  readonly #secure: Variant;

  /**
   * @throws {TypeError} If the name is not a string.
   * @throws {SyntaxError} If no cookie can have the name.
   */
  constructor(name: string) {
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
    this.#plain = variantOf(name, false);
    // A browser takes such a cookie from this very host only, over https.
    this.#secure = variantOf(`__Host-${name}`, true);
  }

  /** The token that a request carries, whatever it is worth. */
  tokenIn(headers: Headers, isSecure: boolean): string | undefined {
    const header = headers.get("cookie");
    return header === null
      ? undefined
      : findCookie(header, this.#variant(isSecure).name);
  }

  /** The `Set-Cookie` that hands a token to the visitor. */
  set(token: string, isSecure: boolean): string {
    const { name, attributes } = this.#variant(isSecure);
    return `${name}=${token}${attributes}`;
  }

  /** The `Set-Cookie` that takes the token from the visitor. */
  clear(isSecure: boolean): string {
    return this.#variant(isSecure).clear;
  }

  #variant(isSecure: boolean): Variant {
    return isSecure ? this.#secure : this.#plain;
  }
}

/** What is written for one scheme; tokens need no encoding, so once is enough. */
interface Variant {
  readonly name: string;
  /** All that follows the token. */
  readonly attributes: string;
  readonly clear: string;
}

function variantOf(name: string, isSecure: boolean): Variant {
  const cookie: Cookie = {
    name,
    value: "",
    httpOnly: true,
    path: "/",
    sameSite: "Lax",
    secure: isSecure,
  };
  return {
    name,
    attributes: serializeCookie(cookie).slice(`${name}=`.length),
    clear: serializeCookie({ ...cookie, expires: new Date(0) }),
  };
}

/**
 * The value of the last cookie of that name in a `Cookie` header, as getCookies
 * of `@std/http` has it, which makes an object of them all.
 */
export function findCookie(header: string, name: string): string | undefined {
  // From the end, as the last one counts.
  let end = header.length;
  while (end > 0) {
    const begin = header.lastIndexOf(";", end - 1) + 1;
    const at = header.indexOf(name, begin);
    if (at !== -1 && at < end) {
      const equals = header.indexOf("=", at + name.length);
      const valueAt = equals === -1 || equals >= end ? end : equals;
      if (header.slice(begin, valueAt).trim() === name) {
        return header.slice(valueAt + 1, end);
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
  const headers = new Headers();
  // A copy, for setCookie changes what it is given when a prefix demands it.
  setCookie(headers, { ...cookie });
  return headers.getSetCookie()[0]!;
}

/** All the cookies of a request by name; of several with one name the last. */
export function readCookies(headers: Headers): Partial<Record<string, string>> {
  try {
    return getCookies(headers);
  } catch {
    // One pair without a name makes getCookies refuse them all.
    const named = (headers.get("cookie") ?? "").split(";")
      .filter((pair) => !/^\s*(=|$)/.test(pair));
    if (named.length === 0) return Object.create(null);
    return getCookies(new Headers({ cookie: named.join(";") }));
  }
}
