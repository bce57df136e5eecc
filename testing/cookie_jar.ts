import { trimSpace } from "../http/headers.ts";

/** The longest age of a cookie in milliseconds: 400 days (RFC 6265bis). */
const LONGEST_AGE = 400 * 24 * 60 * 60 * 1000;

/** The most characters of a name and a value together. */
const LONGEST_PAIR = 4096;

/** A cookie as a browser keeps it. */
interface StoredCookie {
  readonly name: string;
  readonly value: string;
  /** The domain, without a leading dot. */
  readonly domain: string;
  /** Whether subdomains do not receive the cookie. */
  readonly isHostOnly: boolean;
  readonly path: string;
  readonly isSecure: boolean;
  /** UNIX milliseconds; Infinity for a cookie of the browser session. */
  readonly expiresAt: number;
}

/**
 * The cookies of one visitor, kept and sent as browsers do (RFC 6265bis): by
 * host, path, scheme, age and prefix.
 *
 * All requests count as same-site, so SameSite has no effect. There is no list of
 * public suffixes: a site may set a cookie for all of `com`.
 */
export class CookieJar {
  readonly #cookies = new Map<string, StoredCookie>();

  /** Keeps the cookies that a response sets, and forgets those that it deletes. */
  keep(setCookies: readonly string[], url: URL, now: number): void {
    for (const line of setCookies) {
      const cookie = readCookie(line, url, now);
      if (cookie !== undefined) this.#keep(cookie, url, now);
    }
  }

  /**
   * Returns the `Cookie` header of a request: cookies with longer paths first,
   * then in the order in which they were first set.
   *
   * @returns undefined if there is nothing to send.
   */
  headerFor(url: URL, now: number): string | undefined {
    const sent = [...this.#cookies.values()].filter((cookie) =>
      now < cookie.expiresAt &&
      (!cookie.isSecure || isSecure(url)) &&
      (cookie.isHostOnly
        ? url.hostname === cookie.domain
        : isWithin(url.hostname, cookie.domain)) &&
      isBelow(url.pathname, cookie.path)
    );
    return sent.toSorted((a, b) => b.path.length - a.path.length)
      .map(({ name, value }) => name === "" ? value : `${name}=${value}`)
      .join("; ") || undefined;
  }

  #keep(cookie: StoredCookie, url: URL, now: number): void {
    // A plain connection must not replace a cookie of secure connections.
    if (!isSecure(url) && this.#hidesSecure(cookie, now)) return;
    const key = JSON.stringify([cookie.name, cookie.domain, cookie.path]);
    if (cookie.expiresAt > now) this.#cookies.set(key, cookie);
    else this.#cookies.delete(key);
  }

  #hidesSecure({ name, domain, path }: StoredCookie, now: number): boolean {
    return [...this.#cookies.values()].some((kept) =>
      kept.isSecure && kept.name === name && now < kept.expiresAt &&
      (isWithin(kept.domain, domain) || isWithin(domain, kept.domain)) &&
      isBelow(path, kept.path)
    );
  }
}

/**
 * Reads a `Set-Cookie` header; returns undefined if a browser would reject the
 * cookie.
 */
function readCookie(
  line: string,
  url: URL,
  now: number,
): StoredCookie | undefined {
  // deno-lint-ignore no-control-regex -- RFC 6265bis, 5.6: all but HTAB
  if (/[\0-\x08\x0a-\x1f\x7f]/.test(line)) return undefined;
  const [pair = "", ...rest] = line.split(";");
  const [name, value] = pair.includes("=")
    ? split(pair)
    : ["", trimSpace(pair)];
  // The last of several attributes with one name counts.
  const attributes = new Map(
    rest.map((attribute) => {
      const [key, value] = split(attribute);
      return [key.toLowerCase(), value];
    }),
  );
  const domain = (attributes.get("domain") ?? "").replace(/^\./, "")
    .toLowerCase();
  const path = attributes.get("path") ?? "";
  const cookie = {
    name,
    value,
    domain: domain || url.hostname,
    isHostOnly: domain === "",
    path: path.startsWith("/") ? path : folderOf(url.pathname),
    isSecure: attributes.has("secure"),
    expiresAt: expiryOf(attributes, now),
  };
  const isKept = name + value !== "" &&
    name.length + value.length <= LONGEST_PAIR &&
    isWithin(url.hostname, cookie.domain) &&
    (!cookie.isSecure || isSecure(url)) &&
    (cookie.isSecure || attributes.get("samesite")?.toLowerCase() !== "none") &&
    isPrefixKept(cookie, path);
  return isKept ? cookie : undefined;
}

/** Splits `name=value` at the first equals sign. */
function split(text: string): [string, string] {
  const equals = text.indexOf("=");
  return equals === -1
    ? [trimSpace(text), ""]
    : [trimSpace(text.slice(0, equals)), trimSpace(text.slice(equals + 1))];
}

/** Returns when a cookie expires; `Max-Age` takes precedence over `Expires`. */
function expiryOf(
  attributes: ReadonlyMap<string, string>,
  now: number,
): number {
  const age = attributes.get("max-age");
  if (age !== undefined && /^-?\d+$/.test(age)) {
    return Number(age) <= 0
      ? -Infinity
      : now + Math.min(Number(age) * 1000, LONGEST_AGE);
  }
  const expires = parseCookieDate(attributes.get("expires") ?? "");
  return Number.isNaN(expires)
    ? Infinity
    : Math.min(expires, now + LONGEST_AGE);
}

/**
 * Returns the UNIX milliseconds of a date; NaN if it is invalid. Bytes that occur in
 * no date are refused, because `Date.parse()` takes some for a space.
 */
function parseCookieDate(text: string): number {
  if (/[^\t -~]/.test(text)) return NaN;
  return Date.parse(text.includes("GMT") ? text : `${text} GMT`);
}

/**
 * Returns whether a cookie meets the conditions of the prefix of its name.
 *
 * A cookie without a name is sent as its value alone, which must not look like a
 * name with a prefix.
 */
function isPrefixKept(cookie: StoredCookie, path: string): boolean {
  const { isSecure, isHostOnly } = cookie;
  if (cookie.name === "") return !/^__(host|secure)-/i.test(cookie.value);
  const name = cookie.name.toLowerCase();
  if (name.startsWith("__secure-")) return isSecure;
  return !name.startsWith("__host-") ||
    (isSecure && isHostOnly && path === "/");
}

/** Returns the default path of a cookie: the path of the page, up to the last slash. */
function folderOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

function isSecure(url: URL): boolean {
  return url.protocol === "https:";
}

/** Returns whether a host is a domain or below it. */
function isWithin(host: string, domain: string): boolean {
  return host === domain ||
    (host.endsWith(`.${domain}`) && !/^[\d.]+$|^\[/.test(host));
}

/** Returns whether a path is another path or below it. */
function isBelow(path: string, above: string): boolean {
  return path === above ||
    (path.startsWith(above) &&
      (above.endsWith("/") || path[above.length] === "/"));
}
