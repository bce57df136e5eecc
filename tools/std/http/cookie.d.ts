/** One cookie with its attributes. */
export interface Cookie {
  /** Name of the cookie. */
  name: string;
  /** Value of the cookie, sent as it is. */
  value: string;
  /** When it expires, as a date or in milliseconds since 1970. */
  expires?: Date | number;
  /** Seconds until it expires, 0 or more. */
  maxAge?: number;
  /** Host that gets it, subdomains included. */
  domain?: string;
  /** Path under which it is sent. */
  path?: string;
  /** Whether it is sent over HTTPS only. */
  secure?: boolean;
  /** Whether scripts in the page are denied it. */
  httpOnly?: boolean;
  /** Whether it is kept apart for each top-level site. */
  partitioned?: boolean;
  /** Which requests from other sites carry it. */
  sameSite?: "Strict" | "Lax" | "None";
  /** Further attributes, each as `name=value`. */
  unparsed?: string[];
}

/** Reads the `Cookie` header; the record has no prototype. */
export function getCookies(headers: Headers): Partial<Record<string, string>>;

/** Appends a `Set-Cookie` header. */
export function setCookie(headers: Headers, cookie: Cookie): void;

/** Appends a `Set-Cookie` header that makes the browser forget the cookie. */
export function deleteCookie(
  headers: Headers,
  name: string,
  attributes?: Pick<
    Cookie,
    "path" | "domain" | "secure" | "httpOnly" | "partitioned"
  >,
): void;

/** Reads the `Set-Cookie` headers and leaves out the invalid ones. */
export function getSetCookies(headers: Headers): Cookie[];
