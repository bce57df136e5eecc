/**
 * One request on its way down the tree of resources.
 *
 * @module
 */

import type { Cookie } from "@std/http/cookie";
import { readBody } from "./internal/body.ts";
import { Delivery, type DeliveryEnd } from "./internal/delivery.ts";
import { describe } from "./internal/describe.ts";
import { namesWeakly } from "./internal/entity_tags.ts";
import { type Forwarded, forwardedBy } from "./internal/forwarded.ts";
import { parseHttpDate } from "./internal/http_date.ts";
import { HttpError } from "./internal/http_error.ts";
import { decodeSegment, pathOf, segmentsOf } from "./internal/path.ts";
import { readForm } from "./internal/read_form.ts";
import { readJson } from "./internal/read_json.ts";
import { redirectTo } from "./internal/redirect.ts";
import { HTML, responseOf } from "./internal/response.ts";
import { countRenewals } from "./internal/renewal.ts";
import { findCookie, serializeCookie } from "./internal/session_cookie.ts";
import {
  countVisit,
  holdSession,
  markSecure,
  releaseSession,
  renewSecret,
  type Session,
  type SessionComponent,
  type SessionEndReason,
  type SessionHolder,
  takeRenewal,
  tokenOf,
} from "./session.ts";

export type { Cookie };

/**
 * What a resource may answer; text is HTML unless the type was set.
 *
 * A stream that breaks off is reported to `onError`. The body of a Response is
 * not looked at, which would cost more than to make the response: if it breaks
 * off, or somebody else reads it, it is Deno that prints so, unless the request's
 * `signal` or `finished` was asked for.
 */
export type Rendered = BodyInit | Response;

/** How the token of a session travels between a site and its visitor. */
export interface TokenCookie {
  /** The token that a request carries, whatever it is worth. */
  tokenIn(headers: Headers, isSecure: boolean): string | undefined;
  /** Whether it is to be sent with each visit, with its age. */
  readonly isPersistent: boolean;
  /** The `Set-Cookie` that hands a token to the visitor, for so many seconds. */
  set(token: string, isSecure: boolean, maxAge: number): string;
  /** The `Set-Cookie` that takes the token from the visitor. */
  clear(isSecure: boolean): string;
}

/** What an error that is reported has to do with. */
export interface ErrorContext {
  /** The request that was being answered. */
  request?: SiteRequest;
  /** The session that was being ended, or changed. */
  session?: Session;
}

/** What a request uses of the site that it came to. `Site` is one. */
export interface SiteOfRequest {
  /** Whether a proxy in front may say how the visitor came. */
  readonly trustProxy: boolean;
  /** How long a body may be that a resource reads, in bytes. */
  readonly maxBodyBytes: number;
  /** How many fields or parts a form may have that a resource reads. */
  readonly maxFormFields: number;
  /** How the visitor's token travels. */
  readonly sessionCookie: TokenCookie;
  /** Aborts when the site stops. */
  readonly stopSignal: AbortSignal;
  /** What a browser is told to forget at a logout: a `Clear-Site-Data` header. */
  readonly clearSiteData: string | undefined;
  /** The session that a token opens, even if its deadline has passed. */
  findSession(token: string, request: SiteRequest): Session | undefined;
  /** Makes a session. */
  makeSession(): Session;
  /** Ends a session, even one whose overridden `expire()` would not. */
  endSession(session: Session, reason: SessionEndReason): void;
  /** Makes a session that is not kept: nobody will come back for it. */
  makePassingSession(): Session;
  /** Hands an error to `onError`. */
  reportError(error: unknown, context: ErrorContext): void;
}

/** A cookie was to be set after the response had been produced. */
export class TooLateForCookieError extends Error {
  /** @ignore */
  override name = "TooLateForCookieError";
}

/**
 * Moves the next segment of the path from postpath to prepath and answers it;
 * undefined at the end of the path. For the walk; not in mod.ts.
 */
export let nextSegment: (request: SiteRequest) => string | undefined;

/**
 * Neither keeps a session for the request nor touches or holds one, from now on.
 * Likewise.
 */
export let leaveSessionAlone: (request: SiteRequest) => void;

/** The live session, touched if the request is a visit; makes none. Likewise. */
export let visitSession: (request: SiteRequest) => Session | undefined;

/**
 * Has the response carry the token that a session was given outside of requests.
 * Likewise.
 */
export let oweToken: (request: SiteRequest, session: Session) => void;

/**
 * Hides a session from a request: its token was replaced after it came, and the
 * grace is over. Likewise.
 */
export let hideSession: (request: SiteRequest, session: Session) => void;

/**
 * Renews the session for a login that is not its principal. A request whose token
 * has been replaced gets a new session, also if the session has a principal.
 * Likewise.
 */
export let renewForLogin: (request: SiteRequest) => Session;

/** How many renewals there had been when the request came. Likewise. */
export let arrivalOf: (request: SiteRequest) => number;

/** The response has to be waited for: holds the session meanwhile. Likewise. */
export let holdSessionOf: (request: SiteRequest) => void;

/** Whether the response is no error and no redirect so far. Likewise. */
export let isSuccess: (request: SiteRequest) => boolean;

/** Whether the request neither makes nor touches a session. Likewise. */
export let isNoVisit: (request: SiteRequest) => boolean;

/** The session that a resource has asked for, whatever became of it. Likewise. */
export let sessionOf: (request: SiteRequest) => Session | undefined;

/** Whether the request has touched it, or made it. Likewise. */
export let wasTouched: (request: SiteRequest) => boolean;

/** Sends what was rendered. For the site, once a request; not in mod.ts. */
export let respondTo: (request: SiteRequest, rendered: Rendered) => Response;

/** Forgets the status and headers that were to be sent, but no cookie. Likewise. */
export let forgetResponse: (request: SiteRequest) => void;

/** Calls back, once, when the response has been handed over or the visitor left. */
export let notifyOnDelivery: (
  request: SiteRequest,
  callback: (status: number | undefined, end: DeliveryEnd) => void,
) => void;

/**
 * One request: what the visitor asks for, the session, and what the response
 * will carry. The site makes it and hands it to the resources on the way.
 *
 * What was not read by then cannot be read once the response has been produced:
 * Deno closes the request.
 *
 * From Twisted's `twisted.web.server.Request`; bodies and headers are those of
 * the web platform.
 */
export class SiteRequest implements SessionHolder {
  /** The site that the request came to. */
  readonly site: SiteOfRequest;
  /** The request as it came. */
  readonly request: Request;
  /** The method: `"GET"`, or whatever else was sent, as it was sent. */
  readonly method: string;
  /**
   * Who the visitor is, once a resource on the way has made sure of it, as the
   * guard does. The access log shows it.
   */
  user: string | undefined = undefined;

  readonly #info: Deno.ServeHandlerInfo | undefined;
  /** The URL as Deno made it of the Host header and the path. */
  readonly #href: string;
  #forwarded: Forwarded | undefined = undefined;
  #isSecure: boolean | undefined = undefined;
  readonly #path: string;
  /** Where the next segment begins in #path; beyond it at the end. */
  #at = 1;
  /** The path as arrays, once somebody asks: from then on the walk moves them. */
  #prepath: string[] | undefined = undefined;
  #postpath: string[] = [];
  #url: URL | undefined = undefined;
  #query: URLSearchParams | undefined = undefined;

  /** How many renewals there had been when it came. */
  readonly #arrival = countRenewals();
  #session: Session | undefined = undefined;
  #hasLookedUp = false;
  /** The session was made for this request, and is kept. */
  #isNewSession = false;
  /** The session was made for this request, and goes with it. */
  #isPassingSession = false;
  /** The token that opened the session, or that this request has given it. */
  #token: string | undefined = undefined;
  /** The token that the response carries if it still is that of the session. */
  #newToken: string | undefined = undefined;
  /** The session that the token would open if its grace were not over. */
  #hiddenSession: Session | undefined = undefined;
  #isTouched = false;
  /** Undefined as long as it has not mattered. */
  #isPassing: boolean | undefined = undefined;
  #isHolding = false;

  #status = 200;
  #statusText = "";
  #responseHeaders: Headers | undefined = undefined;
  #setCookies: string[] | undefined = undefined;
  #delivery: Delivery | undefined = undefined;
  #isProduced = false;
  /** Undefined until the response is produced. */
  #sentStatus: number | undefined = undefined;

  static {
    nextSegment = (request) => request.#nextSegment();
    leaveSessionAlone = (request) => {
      request.#isPassing = true;
      const session = request.#session;
      if (session !== undefined) releaseSession(session, request, false);
    };
    visitSession = (request) => request.#visit();
    oweToken = (request, session) =>
      void (request.#newToken = tokenOf(session));
    hideSession = (request, session) => void (request.#hiddenSession = session);
    renewForLogin = (request) => request.#renewSession(true);
    arrivalOf = (request) => request.#arrival;
    holdSessionOf = (request) => {
      request.#isHolding = true;
      request.#hold();
    };
    notifyOnDelivery = (request, callback) => {
      request.#getDelivery().notify((end) =>
        callback(request.#sentStatus, end)
      );
    };
    respondTo = (request, rendered) => request.#respond(rendered);
    isNoVisit = (request) => request.#isLeftAlone();
    sessionOf = (request) => request.#session;
    wasTouched = (request) => request.#isTouched || request.#isNewSession;
    isSuccess = (request) => request.#status < 300;
    forgetResponse = (request) => {
      request.#status = 200;
      request.#statusText = "";
      request.#responseHeaders = undefined;
      request.#isProduced = false;
    };
  }

  /**
   * Wraps a request; sites do this.
   *
   * @param site The site that the request came to.
   * @param request The request as it came.
   * @param info What Deno.serve knows of the connection.
   */
  constructor(
    site: SiteOfRequest,
    request: Request,
    info?: Deno.ServeHandlerInfo,
  ) {
    this.site = site;
    this.request = request;
    this.method = request.method;
    this.#info = info;
    this.#href = request.url;
    this.#path = pathOf(this.#href);
  }

  /** The decoded segments of the path down to the resource. */
  get prepath(): string[] {
    return this.#prepath ?? this.#splitPath();
  }

  /**
   * The decoded segments below the resource: `"/a/"` begins as `["a", ""]`.
   *
   * A segment is decoded after the path was split, so `%2F` is a slash inside
   * it; an escape that is malformed stays as it is. The walk takes them from
   * here, so that a resource on the way may change what comes after it.
   */
  get postpath(): string[] {
    if (this.#prepath === undefined) this.#splitPath();
    return this.#postpath;
  }

  /**
   * The URL as the platform parses it: dot segments folded, which the tree does
   * not do.
   *
   * A Host header that makes it no URL is answered with 400.
   */
  get url(): URL {
    if (this.#url === undefined) {
      checkHost(hostOf(this));
      try {
        this.#url = new URL(this.#href);
      } catch (cause) {
        throw new HttpError(400, "The request has no valid URL", { cause });
      }
    }
    return this.#url;
  }

  /** What Deno.serve knows of the connection, for whoever hands the request on. */
  get info(): Deno.ServeHandlerInfo | undefined {
    return this.#info;
  }

  /** The query of the URL. */
  get query(): URLSearchParams {
    if (this.#query === undefined) {
      const [untilFragment = ""] = this.#href.split("#", 1);
      const begin = untilFragment.indexOf("?");
      this.#query = new URLSearchParams(
        begin === -1 ? "" : untilFragment.slice(begin),
      );
    }
    return this.#query;
  }

  /** The headers of the request. */
  get headers(): Headers {
    return this.request.headers;
  }

  /** A header of the request, or undefined. */
  getHeader(name: string): string | undefined {
    return this.headers.get(name) ?? undefined;
  }

  /** A cookie of the request, or undefined; of several with the name, the last. */
  getCookie(name: string): string | undefined {
    const header = this.headers.get("cookie");
    return header === null || name === ""
      ? undefined
      : findCookie(header, name);
  }

  /**
   * The visitor's address, where there is one.
   *
   * That of the connection, or what the nearest proxy says where the site has
   * `trustProxy`.
   */
  get remoteAddress(): string | undefined {
    const address = this.#getForwarded()?.address;
    if (address !== undefined) return address;
    const connection = this.#info?.remoteAddr;
    return connection !== undefined && "hostname" in connection
      ? connection.hostname
      : undefined;
  }

  /**
   * Whether the visitor came over https; where the site has `trustProxy`, to the
   * nearest proxy.
   */
  get isSecure(): boolean {
    return this.#isSecure ??= this.#cameSecurely();
  }

  /**
   * The URL of the site's root as the visitor knows it, to make absolute links.
   *
   * It goes by the Host header, and by what the nearest proxy says where the site
   * has `trustProxy`. A host that is none is answered with 400.
   */
  get rootURL(): URL {
    const host = this.#getForwarded()?.host || hostOf(this) ||
      this.url.host;
    checkHost(host);
    try {
      return new URL(`${this.isSecure ? "https" : "http"}://${host}/`);
    } catch (cause) {
      throw new HttpError(400, "The request names no valid host", { cause });
    }
  }

  /**
   * A relative link from this page to a child of the resource.
   *
   * From Twisted's `childLink`.
   *
   * @param name The child's name, not encoded.
   */
  childLink(name: string): string {
    const link = encodeURIComponent(name.toWellFormed());
    const { length } = this.postpath;
    if (length > 0) return up(length - 1) + link || "./";
    const own = this.prepath.at(-1) ?? "";
    // Empty, a link would lead to the page itself.
    return own === ""
      ? link || "./"
      : `${encodeURIComponent(own.toWellFormed())}/${link}`;
  }

  /**
   * A relative link from this page to a sibling of the resource.
   *
   * From Twisted's `sibLink`.
   *
   * @param name The sibling's name, not encoded.
   */
  siblingLink(name: string): string {
    return up(this.postpath.length) + encodeURIComponent(name.toWellFormed()) ||
      "./";
  }

  /**
   * The body as a form: urlencoded, or multipart with files.
   *
   * @throws {HttpError} A body that is no form is answered with 400, one of more
   * than the site's `maxBodyBytes` or `maxFormFields` with 413, unless the
   * resource catches it.
   */
  formData(): Promise<FormData> {
    return this.#read((body) => readForm(body, this.site.maxFormFields));
  }

  /**
   * The body, parsed as JSON; errors as for {@linkcode SiteRequest.formData}.
   * Arrays and objects may be nested 1,000 deep; more is answered with 400.
   */
  json(): Promise<unknown> {
    return this.#read(readJson);
  }

  /** The body as text; errors as for {@linkcode SiteRequest.formData}. */
  text(): Promise<string> {
    return this.#read((body) => body.text());
  }

  /** The body as it came; errors as for {@linkcode SiteRequest.formData}. */
  bytes(): Promise<Uint8Array> {
    return this.#read((body) => body.bytes());
  }

  /**
   * Whether the visitor has left before the response was produced.
   *
   * Deno may print a warning when this is first read; see
   * {@linkcode SiteRequest.signal}.
   */
  get hasLeft(): boolean {
    return !this.#isProduced && this.request.signal.aborted;
  }

  /** Whether the session is this request's, and by what token; for sessions. */
  worthFor(session: Session): "current" | "graced" | undefined {
    if (session !== this.#session) return undefined;
    return this.hasOldToken(session) ? "graced" : "current";
  }

  /**
   * Whether the session was opened by a token that has been replaced, and the
   * response does not carry the new one; for sessions.
   */
  hasOldToken(session: Session): boolean {
    return session === this.#session && this.#token !== undefined &&
      !isCurrent(session, this.#token) && !isCurrent(session, this.#newToken);
  }

  /**
   * Aborts when the visitor leaves before the response is handed over.
   *
   * Ask for it before the response is produced. A body that is handed over
   * whole, text for example, counts as sent from then on. What an abort listener
   * throws or rejects is reported to the site's `onError`.
   *
   * It needs Deno's own signal of the request, of whose old behaviour Deno prints
   * a warning, once in a process; so does {@linkcode SiteRequest.finished}, an
   * access log, and a deadline that comes while a request holds its session. Only
   * who starts the program can do without: `--unstable-no-legacy-abort`, or
   * `"unstable": ["no-legacy-abort"]` in its `deno.json`. All is the same here
   * then.
   *
   * @throws {Error} If the response has been produced already.
   */
  get signal(): AbortSignal {
    return this.#askForDelivery("signal").signal;
  }

  /**
   * Resolves when the response has been handed over whole, and rejects when the
   * visitor leaves before; ignoring it is fine.
   *
   * Ask for it before the response is produced. What callbacks of its `then()`,
   * `catch()` and `finally()` throw or reject is reported to the site's `onError`.
   * An `async` function that waits for it rejects as well: Deno ends the process
   * if no caller waits for that function.
   *
   * From Twisted's `notifyFinish`.
   *
   * @throws {Error} If the response has been produced already.
   */
  get finished(): Promise<void> {
    return this.#askForDelivery("finished").finished;
  }

  /**
   * The visitor's session, found by the cookie or made now.
   *
   * Finding it is a visit: the session is touched. A new one sets its cookie,
   * on whatever the response will be, an error page or a redirect too. One that
   * has ended meanwhile is never answered; a new one is.
   *
   * HEAD, what a browser fetches in advance (`Sec-Purpose: prefetch`) and what
   * resources answer that are not `touchesSession` are no visits: a session is
   * not touched then, and one that is made is not kept. It ends with the request,
   * `"evicted"`, and only its own callbacks are told.
   *
   * While a request waits for something, its session does not idle out.
   *
   * @throws {TooLateForCookieError} If a session would have to be looked for or
   * made and the response has been produced, or the connection upgraded.
   *
   * @example Usage
   * ```ts
   * import { Resource, Site, type SiteRequest } from "@curfew/web";
   * import { assertEquals } from "@std/assert";
   *
   * class Visits {
   *   count = 0;
   * }
   * class Counter extends Resource {
   *   override isLeaf = true;
   *   override render_GET(request: SiteRequest): string {
   *     return `visit ${++request.getSession(Visits).count}`;
   *   }
   * }
   *
   * await using site = new Site(new Counter());
   * const first = await site.fetch(new Request("http://localhost/"));
   * const [cookie = ""] = first.headers.get("set-cookie")!.split(";");
   * const second = await site.fetch(
   *   new Request("http://localhost/", { headers: { cookie } }),
   * );
   * assertEquals(await second.text(), "visit 2");
   * ```
   */
  getSession(): Session;
  /** The object of a class that the visitor's session keeps; see `getComponent`. */
  getSession<T>(component: SessionComponent<T>): T;
  getSession<T>(component?: SessionComponent<T>): Session | T {
    if (!this.#hasLookedUp) {
      this.#refuseIfProduced();
      this.#lookUp();
    }
    let session = this.#visit();
    if (session === undefined) {
      this.#refuseIfProduced();
      session = this.#makeSession();
    }
    return component === undefined ? session : session.getComponent(component);
  }

  /**
   * Gives the visitor's session, which is made if need be, a new secret: at a
   * login, and whenever the rights change.
   *
   * As {@linkcode Session.renew}, and the response to this request, and to no
   * other, carries the new cookie.
   *
   * A request whose cookie has been replaced, before it came or since, renews
   * nothing, for another visitor may have the new cookie. If the session has no
   * principal, the request gets a new session with a cookie of its own, and none
   * of the values of the other: a login is never in a session that another
   * visitor has. If the session has a principal, the request gets that session,
   * and its principal can be set to no other.
   *
   * @returns the session that the request has from then on.
   * @throws {TooLateForCookieError} If the response has been produced.
   *
   * @example Usage
   * ```ts
   * import { Resource, Site, type SiteRequest } from "@curfew/web";
   * import { assertNotEquals } from "@std/assert";
   *
   * class Login extends Resource {
   *   override isLeaf = true;
   *   override render_GET(request: SiteRequest): string {
   *     request.renewSession().principal = "alice";
   *     return "Welcome";
   *   }
   * }
   *
   * await using site = new Site(new Login());
   * const visit = async (cookie = "") => {
   *   const request = new Request("http://localhost/", { headers: { cookie } });
   *   const response = await site.fetch(request);
   *   return response.headers.get("set-cookie")!.split(";")[0]!;
   * };
   * const before = await visit();
   * assertNotEquals(await visit(before), before);
   * ```
   */
  renewSession(): Session {
    return this.#renewSession(false);
  }

  /**
   * The visitor's session if there is a live one; it is neither made nor touched.
   *
   * Once the response has been produced, undefined unless it was asked for
   * before.
   */
  get session(): Session | undefined {
    if (!this.#hasLookedUp) {
      if (this.#isProduced) return undefined;
      this.#lookUp();
    }
    const session = this.#session;
    return session === undefined || session.checkExpired()
      ? undefined
      : session;
  }

  /** The headers that the response will carry. */
  get responseHeaders(): Headers {
    return this.#responseHeaders ??= new Headers();
  }

  /**
   * Sets a header of the response, in place of one of the same name.
   *
   * @throws {TypeError} If the name or the value cannot be in a header.
   * @throws {Error} If the response has been produced already.
   */
  setHeader(name: string, value: string): void {
    this.#mustNotBeProduced(`set header "${name}"`);
    this.responseHeaders.set(name, value);
  }

  /**
   * Sets the status of the response; 200 unless told.
   *
   * @param code From 200 to 599. A Response that is returned has its own.
   * @param message In place of the usual reason phrase; not sent over HTTP/2.
   * @throws {RangeError} If no Response can have the code.
   * @throws {Error} If the response has been produced already.
   */
  setResponseCode(code: number, message?: string): void {
    this.#mustNotBeProduced(`set response code ${code}`);
    if (!Number.isInteger(code) || code < 200 || code > 599) {
      throw new RangeError(
        `Cannot set response code ${
          describe(code)
        }: not an integer from 200 to 599`,
      );
    }
    this.#status = code;
    this.#statusText = message ?? "";
  }

  /**
   * Sets the `ETag` of the response, and compares the visitor's copy with it.
   *
   * @param tag `"v1"` or `W/"v1"` with its quotes; they are added if missing.
   * @returns true if `If-None-Match` names it, by weak comparison: the status is
   * then 304 for GET and HEAD, and 412 for others, which must not change
   * anything. Return `""`, nothing else is wanted.
   * @throws {RangeError} If there is a comma in it: in a list, nobody could tell.
   * @throws {TypeError} If the tag cannot be in a header.
   * @throws {Error} If the response has been produced already.
   */
  setETag(tag: string): boolean {
    if (tag.includes(",")) {
      throw new RangeError(`Cannot set ETag ${describe(tag)}: it has a comma`);
    }
    const quoted = /^(W\/)?".*"$/.test(tag) ? tag : `"${tag}"`;
    this.setHeader("etag", quoted);
    const known = this.headers.get("if-none-match") ?? "";
    if (this.#status >= 300 || !namesWeakly(known, quoted)) return false;
    this.setResponseCode(this.#isGetOrHead() ? 304 : 412);
    return true;
  }

  /**
   * Sets `Last-Modified` of the response, seconds rounded up, unless it is later
   * already, and compares the visitor's copy with it.
   *
   * It is never later than now (RFC 9110, 8.8.2.1). What was modified within this
   * second, or in the future, is current in no copy: it may change once more
   * before the second is over.
   *
   * @returns true if `If-Modified-Since` is not before it, to GET and HEAD only
   * and only without an `If-None-Match`, which goes before (RFC 9110, 13.1.3);
   * the response is then a 304: return `""`.
   * @throws {RangeError} If the date is invalid.
   * @throws {Error} If the response has been produced already.
   */
  setLastModified(when: Date): boolean {
    const time = Math.ceil(when.getTime() / 1000) * 1000;
    if (Number.isNaN(time)) {
      throw new RangeError("Cannot set Last-Modified: the date is invalid");
    }
    const before = Date.parse(this.responseHeaders.get("last-modified") ?? "");
    const modified = before > time ? before : time;
    const now = Math.floor(Date.now() / 1000) * 1000;
    const shown = Math.min(modified, now);
    this.setHeader("last-modified", new Date(shown).toUTCString());
    if (
      modified > now || this.#status >= 300 || !this.#isGetOrHead() ||
      this.headers.has("if-none-match")
    ) return false;
    const since = parseHttpDate(this.getHeader("if-modified-since") ?? "");
    if (!(since >= modified)) return false;
    this.setResponseCode(304);
    return true;
  }

  /**
   * Adds a cookie to the response, whatever it will be.
   *
   * @param cookie As in `@std/http/cookie`.
   * @throws {SyntaxError} If the name or the value cannot be in a cookie.
   * @throws {TooLateForCookieError} If the response has been produced already.
   */
  addCookie(cookie: Cookie): void {
    if (this.#isProduced) {
      throw new TooLateForCookieError(
        `Cannot add cookie "${cookie.name}": the response has been produced`,
      );
    }
    (this.#setCookies ??= []).push(serializeCookie(cookie));
  }

  /**
   * A response that sends the visitor elsewhere; return it.
   *
   * @param url Where to; it becomes the `Location` as given, except that control
   * characters, spaces and what is beyond ASCII are percent-encoded.
   * @param code 301, 302, 303, 307 or 308; 302 unless told.
   * @throws {RangeError} If the code is another.
   */
  redirect(url: string | URL, code: number = 302): Response {
    return redirectTo(url, code);
  }

  #splitPath(): string[] {
    const path = this.#path;
    const at = this.#at;
    if (at <= path.length) this.#postpath = segmentsOf(path.slice(at));
    return this.#prepath = at === 1 ? [] : segmentsOf(path.slice(1, at - 1));
  }

  #nextSegment(): string | undefined {
    if (this.#prepath !== undefined) {
      const segment = this.#postpath.shift();
      if (segment !== undefined) this.#prepath.push(segment);
      return segment;
    }
    const path = this.#path;
    const at = this.#at;
    if (at > path.length) return undefined;
    const slash = path.indexOf("/", at);
    const end = slash === -1 ? path.length : slash;
    this.#at = end + 1;
    return decodeSegment(path.slice(at, end));
  }

  #getForwarded(): Forwarded | undefined {
    if (!this.site.trustProxy) return undefined;
    return this.#forwarded ??= forwardedBy(this.headers);
  }

  #cameSecurely(): boolean {
    const protocol = this.#getForwarded()?.protocol;
    return protocol === undefined
      ? this.#href.startsWith("https:")
      : protocol === "https";
  }

  #read<T>(read: (body: Request | Response) => Promise<T>): Promise<T> {
    return readBody(this.request, this.site.maxBodyBytes, read);
  }

  #isGetOrHead(): boolean {
    return this.method === "GET" || this.method === "HEAD";
  }

  /** Finds the session that the visitor's cookie opens; it may be over. */
  #lookUp(): void {
    let token: string | undefined;
    try {
      token = this.site.sessionCookie.tokenIn(this.headers, this.isSecure);
    } catch (cause) {
      throw new TooLateForCookieError(
        "Cannot look for the session: the request can no longer be read; ask for it before Deno.upgradeWebSocket()",
        { cause },
      );
    }
    this.#hasLookedUp = true;
    const { site } = this;
    if (token === undefined) {
      if (this.isSecure) return;
      // It was to come over https only: the site wants to know that it did not.
      const leaked = site.sessionCookie.tokenIn(this.headers, true);
      if (leaked !== undefined) site.findSession(leaked, this);
      return;
    }
    const session = this.#session = site.findSession(token, this);
    if (session === undefined) return;
    this.#token = token;
    this.#hold();
  }

  /** Touches the session that was found, and answers it unless it is over. */
  #visit(): Session | undefined {
    if (!this.#hasLookedUp) this.#lookUp();
    const session = this.#session;
    if (session === undefined) return undefined;
    if (this.#isLeftAlone()) {
      session.checkExpired();
    } else {
      session.touch();
      const isCounted = this.#isTouched || this.#isNewSession;
      if (!isCounted && session.isActive) countVisit(session);
      this.#isTouched = true;
    }
    return session.isActive ? session : undefined;
  }

  #renewSession(isLogin: boolean): Session {
    this.#refuseIfProduced();
    if (!this.#hasLookedUp) this.#lookUp();
    const lost = this.#findLostSession();
    if (lost !== undefined && (isLogin || lost.principal === undefined)) {
      return this.#beginAnew();
    }
    const session = this.getSession();
    // No visitor has the token of a session that is new.
    if (!isCurrent(session, this.#token)) return session;
    renewSecret(session);
    this.#token = this.#newToken = tokenOf(session);
    return session;
  }

  /** The live session that the request came for, if its token was replaced. */
  #findLostSession(): Session | undefined {
    const session = this.#hiddenSession ?? this.#session;
    if (session === undefined) return undefined;
    const isLost = session === this.#hiddenSession ||
      (this.#token !== undefined && !isCurrent(session, this.#token));
    if (!isLost) return undefined;
    session.checkExpired();
    return session.isActive ? session : undefined;
  }

  /** Makes a session in the place of the one that the request came for. */
  #beginAnew(): Session {
    const before = this.#session;
    const wasPassing = this.#isPassingSession;
    this.#hiddenSession = undefined;
    const session = this.#makeSession();
    if (before !== undefined) {
      if (wasPassing) this.site.endSession(before, "evicted");
      else releaseSession(before, this, this.#isTouched);
    }
    return session;
  }

  #makeSession(): Session {
    const isKept = !this.#isLeftAlone();
    const session = isKept
      ? this.site.makeSession()
      : this.site.makePassingSession();
    if (this.isSecure) markSecure(session);
    if (isKept) countVisit(session);
    this.#session = session;
    this.#isNewSession = isKept;
    this.#isPassingSession = !isKept;
    this.#token = this.#newToken = undefined;
    this.#hold();
    return session;
  }

  /**
   * Whether the request is no visit: HEAD, what a browser fetches before anybody
   * wants it, what a resource says is none, and one whose session is hidden.
   */
  #isLeftAlone(): boolean {
    if (this.#hiddenSession !== undefined) return true;
    return this.#isPassing ??= this.method === "HEAD" ||
      this.headers.get("sec-purpose")?.includes("prefetch") === true;
  }

  /** Keeps the session from idling out if the response has to be waited for. */
  #hold(): void {
    if (
      this.#isHolding && this.#session !== undefined && !this.#isLeftAlone()
    ) {
      holdSession(this.#session, this);
    }
  }

  #refuseIfProduced(): void {
    if (!this.#isProduced) return;
    throw new TooLateForCookieError(
      "Cannot make a session: the response has been produced without its cookie; call getSession() before returning it",
    );
  }

  #mustNotBeProduced(act: string): void {
    if (this.#isProduced) {
      throw new Error(`Cannot ${act}: the response has been produced`);
    }
  }

  #askForDelivery(what: string): Delivery {
    if (!this.#delivery?.isAskedFor) {
      this.#mustNotBeProduced(`watch the visitor by ${what}`);
      this.#getDelivery().isAskedFor = true;
    }
    return this.#getDelivery();
  }

  #getDelivery(): Delivery {
    return this.#delivery ??= new Delivery(
      this.request,
      (error) => this.site.reportError(error, { request: this }),
    );
  }

  #respond(rendered: Rendered): Response {
    const cookie = this.#concludeSession();
    this.#isProduced = true;
    const isPlain = typeof rendered === "string" && this.#status === 200 &&
      this.#statusText === "" && this.#responseHeaders === undefined &&
      this.#setCookies === undefined && this.#delivery === undefined &&
      this.method !== "HEAD";
    if (isPlain) {
      if (this.#session === undefined) return new Response(rendered, PLAIN);
      if (cookie === undefined) return new Response(rendered, PRIVATE);
      const headers = {
        "content-type": HTML,
        "cache-control": "no-store",
        "set-cookie": cookie,
      };
      return new Response(rendered, { headers });
    }
    const cookies = this.#setCookies ?? [];
    this.#sentStatus = rendered instanceof Response
      ? rendered.status
      : this.#status;
    return responseOf(rendered, {
      status: this.#status,
      statusText: this.#statusText,
      headers: this.#responseHeaders,
      cookies: cookie === undefined ? cookies : [...cookies, cookie],
      cacheControl: cookie !== undefined
        ? "no-store"
        : this.#session !== undefined
        ? "private"
        : undefined,
      isHead: this.method === "HEAD",
      delivery: this.#delivery,
      onBodyError: (error) => this.site.reportError(error, { request: this }),
      stopSignal: this.site.stopSignal,
    });
  }

  /** Lets changed timeouts count; answers the session's cookie if it is sent. */
  #concludeSession(): string | undefined {
    const session = this.#session;
    if (session === undefined) return undefined;
    if (this.#isHolding) {
      releaseSession(session, this, this.#isTouched || this.#isNewSession);
    }
    if (this.#isPassingSession) {
      this.site.endSession(session, "evicted");
      return undefined;
    }
    try {
      session.startCheckingExpiration();
    } catch (error) {
      this.site.reportError(error, { request: this, session });
    }
    const { sessionCookie } = this.site;
    if (!session.isActive) {
      const { clearSiteData } = this.site;
      if (
        clearSiteData !== undefined && session.end?.reason === "logout" &&
        !this.responseHeaders.has("clear-site-data")
      ) {
        this.responseHeaders.set("clear-site-data", clearSiteData);
      }
      return sessionCookie.clear(this.isSecure);
    }
    if (takeRenewal(session, this)) this.#newToken = tokenOf(session);
    const isSent = this.#isNewSession || isCurrent(session, this.#newToken) ||
      (sessionCookie.isPersistent && this.#isTouched &&
        isCurrent(session, this.#token));
    if (!isSent) return undefined;
    const age = sessionCookie.isPersistent
      ? session.expiresAt - session.site.clock.now() / 1000
      : Infinity;
    return sessionCookie.set(tokenOf(session), this.isSecure, age);
  }
}

/** Whether a token has not been replaced by a renewal. */
function isCurrent(session: Session, token: string | undefined): boolean {
  return token !== undefined && tokenOf(session) === token;
}

/**
 * A response that is nothing but text, shared since it is only read.
 *
 * Deno reads objects sooner than lists of pairs: 15 % of such a response, if it
 * has several headers.
 */
const PLAIN: ResponseInit = { headers: { "content-type": HTML } };

/** Likewise, and for nobody but the visitor whose session was used. */
const PRIVATE: ResponseInit = {
  headers: { "content-type": HTML, "cache-control": "private" },
};

/** The Host header, if there is one. */
export function hostOf(request: SiteRequest): string | undefined {
  return request.getHeader("host");
}

/**
 * Refuses a host that would move the path, or itself, in a URL.
 *
 * @throws {HttpError} 400
 */
export function checkHost(host: string | undefined): void {
  if (host !== undefined && /[/?#\\@\s]/.test(host)) {
    throw new HttpError(400, "The request names no valid host");
  }
}

function up(levels: number): string {
  return "../".repeat(levels);
}
