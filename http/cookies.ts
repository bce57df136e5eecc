import { isSpace } from "./headers.ts";

/** Matches a name that a cookie can have: a token of RFC 9110. */
export const COOKIE_NAME = /^[!#$%&'*+.^`|~\w-]+$/;

/** Matches a domain that a cookie can have; `@std/http` accepts a semicolon. */
export const COOKIE_DOMAIN = /^\.?[a-z\d]([a-z\d.-]*[a-z\d])?$/i;

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
  return findCookies(header, name)[0];
}

const NO_VALUES: readonly string[] = [];

/** Finds the values of all cookies of a name, the last first. */
export function findCookies(header: string, name: string): readonly string[] {
  let values: string[] | undefined;
  // Forward: V8 searches backward three times as slowly.
  for (let begin = 0; begin < header.length;) {
    const next = header.indexOf(";", begin);
    const end = next === -1 ? header.length : next;
    const value = valueIn(header, begin, end, name);
    if (value !== undefined) {
      // A first push() would make room for 17 values.
      if (values === undefined) values = [value];
      else values.push(value);
    }
    begin = end + 1;
  }
  return values?.reverse() ?? NO_VALUES;
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
