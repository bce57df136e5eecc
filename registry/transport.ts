import type { SessionCookie } from "./session_cookie.ts";

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
