import { isPrivate } from "../http/response.ts";
import { PARTS } from "../session/internals.ts";
import type { Session } from "../session.ts";
import type { SessionRegistry } from "./session_registry.ts";

/** The session headers of a response. */
export interface SessionHeaders {
  /** The value of `Set-Cookie`, if the response sets or clears the cookie. */
  readonly setCookie: string | undefined;
  /** The value of `Session-Token`, for a request with its token in a header. */
  readonly sessionToken?: string;
  /** The value of `Clear-Site-Data`, after a logout where the options say so. */
  readonly clearSiteData: string | undefined;
  /** `"no-store"` with a cookie, `"private"` if a session was used. */
  readonly cacheControl: "no-store" | "private" | undefined;
}

/** The headers of a response without a session. */
export const NO_HEADERS: SessionHeaders = {
  setCookie: undefined,
  clearSiteData: undefined,
  cacheControl: undefined,
};

/** The headers of a response that used a session and leaves its cookie as it is. */
export const PRIVATE: SessionHeaders = {
  ...NO_HEADERS,
  cacheControl: "private",
};

/** Returns the headers that send the token of a session. */
export function headersOfToken(
  { cookie }: SessionRegistry,
  session: Session,
  token: string,
  isSecure: boolean,
): SessionHeaders {
  const isKept = cookie.isPersistent ||
    session[PARTS]?.access?.isRemembered === true;
  const maxAge = isKept ? remainingAge(session) : undefined;
  return {
    setCookie: cookie.set(token, isSecure, maxAge),
    clearSiteData: undefined,
    cacheControl: "no-store",
  };
}

/** Returns the headers that send a token to a client without cookies. */
export function headersOfBearer(token: string): SessionHeaders {
  return { ...NO_HEADERS, sessionToken: token, cacheControl: "no-store" };
}

/** Returns the headers that clear the cookie after a logout. */
export function headersOfLogout(
  { cookie, options }: SessionRegistry,
  isSecure: boolean,
): SessionHeaders {
  const kinds = options.clearSiteData?.map((kind) => `"${kind}"`);
  return {
    setCookie: cookie.clear(isSecure),
    clearSiteData: kinds?.join(", ") || undefined,
    cacheControl: "no-store",
  };
}

/** The headers of a response: `Headers`, or a framework's own. */
export interface HeaderTarget {
  /** Returns the value of a header; null or undefined if there is none. */
  get(name: string): string | null | undefined;
  /** Sets a header, in place of its values. */
  set(name: string, value: string): void;
  /** Adds a value to a header. */
  append(name: string, value: string): void;
}

/**
 * Puts the session's headers into those of a response. `Cache-Control` stays if
 * it says `private` or `no-store` already, and so does `Clear-Site-Data`.
 */
export function putSessionHeaders(
  target: HeaderTarget,
  { setCookie, sessionToken, clearSiteData, cacheControl }: SessionHeaders,
): void {
  if (cacheControl !== undefined && !isPrivate(target)) {
    target.set("cache-control", cacheControl);
  }
  if (setCookie !== undefined) target.append("set-cookie", setCookie);
  if (sessionToken !== undefined) target.set("session-token", sessionToken);
  if (clearSiteData !== undefined && !target.get("clear-site-data")) {
    target.set("clear-site-data", clearSiteData);
  }
}

/**
 * Returns a response with the session's headers, a new one unless there are
 * none: the handler may have kept its own for the next client.
 */
export function addSessionHeaders(
  response: Response,
  added: SessionHeaders,
): Response {
  const { setCookie, sessionToken, cacheControl } = added;
  const isCacheSaid = cacheControl === undefined ||
    isPrivate(response.headers);
  const isSaid = isCacheSaid && setCookie === undefined &&
    sessionToken === undefined;
  if (isSaid) return response;
  // Deno finds the connection of an upgrade by the Response object.
  const headers = response.status === 101
    ? response.headers
    : new Headers(response.headers);
  putSessionHeaders(headers, added);
  if (response.status === 101) return response;
  const { body, status, statusText } = response;
  return new Response(body, { status, statusText, headers });
}

/** Returns the seconds until a session ends at the latest. */
function remainingAge(session: Session): number {
  const startedAt = session.authenticatedAt ?? session.createdAt;
  const endsAt = startedAt + session.absoluteTimeout;
  return endsAt - session.site.clock.now() / 1000;
}
