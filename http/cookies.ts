import { type Cookie, setCookie } from "@std/http/cookie";
import { describe } from "../base/describe.ts";
import {
  BOOLEAN,
  checkOptions,
  listOf,
  NUMBER,
  oneOf,
  type OptionRules,
  required,
  STRING,
} from "../base/options.ts";
import { isSpace } from "./headers.ts";

const RULES: OptionRules<Cookie> = {
  name: required(STRING),
  value: required(STRING),
  expires: {
    kind: "a Date or a number",
    isKind: (value) => value instanceof Date || typeof value === "number",
  },
  maxAge: NUMBER,
  domain: STRING,
  path: STRING,
  secure: BOOLEAN,
  httpOnly: BOOLEAN,
  partitioned: BOOLEAN,
  sameSite: oneOf("Strict", "Lax", "None"),
  unparsed: listOf("a list of attributes", STRING),
};

/** Matches a name that a cookie can have: a token of RFC 9110. */
export const COOKIE_NAME = /^[!#$%&'*+.^`|~\w-]+$/;

/** Matches a domain that a cookie can have; `@std/http` accepts a semicolon. */
export const DOMAIN = /^\.?[a-z\d]([a-z\d.-]*[a-z\d])?$/i;

/**
 * Finds the value of the last cookie of a name in a `Cookie` header.
 *
 * It reads the header as getCookies of `@std/http` does, but makes no object of
 * all cookies, and trims SP and HTAB, and nothing else, around a name and a value
 * (RFC 6265bis). getCookies trims every Unicode space around a name, and nothing
 * around a value. A browser sees no prefix in a name that begins with
 * the byte A0, so a subdomain can set a cookie that getCookies reads as
 * `__Host-session`.
 */
export function findCookie(header: string, name: string): string | undefined {
  for (let end = header.length; end > 0;) {
    const begin = header.lastIndexOf(";", end - 1) + 1;
    const value = valueIn(header, begin, end, name);
    if (value !== undefined) return value;
    end = begin - 1;
  }
  return undefined;
}

/** Finds the values of all cookies of a name, the last first. */
export function findCookies(header: string, name: string): readonly string[] {
  const values: string[] = [];
  for (let end = header.length; end > 0;) {
    const begin = header.lastIndexOf(";", end - 1) + 1;
    const value = valueIn(header, begin, end, name);
    if (value !== undefined) values.push(value);
    end = begin - 1;
  }
  return values;
}

/**
 * Returns the value of the cookie in a part of a header; undefined if the cookie
 * has another name. It copies only the value.
 */
function valueIn(
  header: string,
  begin: number,
  end: number,
  name: string,
): string | undefined {
  while (begin < end && isSpace(header, begin)) begin++;
  if (!header.startsWith(name, begin)) return undefined;
  const equals = header.indexOf("=", begin);
  const hasValue = equals !== -1 && equals < end;
  let nameEnd = hasValue ? equals : end;
  while (nameEnd > begin && isSpace(header, nameEnd - 1)) nameEnd--;
  if (nameEnd - begin !== name.length) return undefined;
  if (!hasValue) return "";
  let valueBegin = equals + 1;
  while (valueBegin < end && isSpace(header, valueBegin)) valueBegin++;
  while (valueBegin < end && isSpace(header, end - 1)) end--;
  return header.slice(valueBegin, end);
}

/**
 * Returns the value of a `Set-Cookie` header.
 *
 * @throws {TypeError} If an attribute is of the wrong kind, or unknown.
 * @throws {RangeError} If `sameSite` is not one of the three.
 * @throws {SyntaxError} If no cookie can have the name or the value.
 */
export function serializeCookie(cookie: Cookie): string {
  checkOptions("set a cookie", cookie, RULES);
  if (cookie.name === "") {
    throw new SyntaxError("Cannot set a cookie: its name is empty");
  }
  if (cookie.domain && !DOMAIN.test(cookie.domain)) {
    throw new SyntaxError(
      `Cannot set cookie ${describe(cookie.name)}: the domain is not valid: ${
        describe(cookie.domain)
      }`,
    );
  }
  const headers = new Headers();
  // setCookie changes its argument if a prefix demands it, so it gets a copy.
  setCookie(headers, { ...cookie });
  return headers.getSetCookie()[0]!;
}
