import { type Cookie, getCookies, setCookie } from "@std/http/cookie";
import { describe } from "./describe.ts";

/** The cookie that carries the token of a session: its names, and how it is written. */
export class SessionCookie {
  readonly #name: string;

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
    serializeCookie({ name, value: "" });
    this.#name = name;
  }

  /** The token that a request carries, whatever it is worth. */
  tokenIn(headers: Headers, isSecure: boolean): string | undefined {
    return readCookies(headers)[this.#nameFor(isSecure)];
  }

  /** The `Set-Cookie` that hands a token to the visitor. */
  set(token: string, isSecure: boolean): string {
    return serializeCookie({
      name: this.#nameFor(isSecure),
      value: token,
      httpOnly: true,
      path: "/",
      sameSite: "Lax",
      secure: isSecure,
    });
  }

  /** The `Set-Cookie` that takes the token from the visitor. */
  clear(isSecure: boolean): string {
    return serializeCookie({
      name: this.#nameFor(isSecure),
      value: "",
      expires: new Date(0),
      httpOnly: true,
      path: "/",
      sameSite: "Lax",
      secure: isSecure,
    });
  }

  /** A browser takes a "__Host-" cookie from this very host only, over https. */
  #nameFor(isSecure: boolean): string {
    return isSecure ? `__Host-${this.#name}` : this.#name;
  }
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
