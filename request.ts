/**
 * One request on its way down the tree of resources.
 *
 * @module
 */

import type { Cookie } from "@std/http/cookie";
import { describe } from "./base/describe.ts";
import { loadOnce, type MaybePromise } from "./base/promises.ts";
import {
  ClientConnection,
  type ConnectionInfo,
  type UsualHost,
} from "./http/connection.ts";
import { decodeHeader, findCookie } from "./http/headers.ts";
import { Delivery, type DeliveryEnd } from "./http/delivery.ts";
import { OPENED_STREAMS, type OpenStream } from "./http/open_stream.ts";
import { childLink, PathCursor, queryOf, siblingLink } from "./http/path.ts";
import { plainResponse, type Rendered } from "./http/response.ts";
import { redirectTo, ResponseDraft } from "./http/response_draft.ts";
import { TOKEN_GENERATION } from "./live/session_streams.ts";
import { TooLateForCookieError } from "./registry/session_cookie.ts";
import type { SessionType } from "./registry/session_factory.ts";
import {
  type LogInOptions,
  RequestVisit,
  type SessionHeaders,
  type VisitingRequest,
} from "./registry/visit.ts";
import { setETag, setLastModified } from "./request/conditional.ts";
import {
  type BodyTie,
  checkUsualHost,
  ENTER,
  HAS_SUCCEEDED,
  NOTIFY_DELIVERY,
  OPEN_VISIT,
  PATH,
  RESET,
  RESPOND,
  type SessionUser,
  TIE_BODY,
  USUAL_HOST,
  VISIT,
  WAIT,
} from "./request/internals.ts";
import type { SiteOfRequest } from "./request/site_of_request.ts";
import { OWNER } from "./session/internals.ts";
import type {
  Session,
  SessionComponent,
  SessionEndReason,
  SessionSite,
} from "./session.ts";
import type { StandardSchemaV1 } from "./session/session_key.ts";
import type { RequestSession, Sessions } from "./sessions.ts";

export type { Rendered };

/** Loads the code for bodies that are read, or streamed. */
const loadLaterCode = loadOnce(() => import("./request/later_code.ts"));

/** The request or the session that a reported error concerns. */
export interface ErrorContext {
  /** The request that was being answered. */
  request?: SiteRequest;
  /** The session that was being changed or ended. */
  session?: Session;
}

/**
 * One request: its URL, headers and body, its session, and the headers of its
 * response. The site makes it and passes it to the resources on the way.
 *
 * Read what you need of url, headers and address before the response is produced:
 * Deno closes the request then. From Twisted's `twisted.web.server.Request`; bodies
 * and headers are those of the web platform.
 *
 * @example Usage
 * ```ts
 * import { Resource, Site, type SiteRequest } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * class Login extends Resource {
 *   override isLeaf = true;
 *   override async render_POST(request: SiteRequest): Promise<string> {
 *     const form = await request.formData();
 *     // Once the password has been checked:
 *     request.logIn(String(form.get("user")));
 *     return `Welcome, ${request.principal}`;
 *   }
 * }
 *
 * await using site = new Site(new Login());
 * const body = new URLSearchParams({ user: "alice" });
 * const response = await site.fetch(
 *   new Request("http://localhost/", { method: "POST", body }),
 * );
 * assertEquals(await response.text(), "Welcome, alice");
 * ```
 */
export class SiteRequest implements RequestSession, VisitingRequest {
  /** The site that the request came to. */
  readonly site: SiteOfRequest;
  /** The method, as the client sent it: `"GET"`, for example. */
  readonly method: string;
  /** The user whom a resource on the way has authenticated, for the access log. */
  user: string | undefined = undefined;

  /** The connection, for code that passes the request on. */
  readonly info: ConnectionInfo | undefined;

  readonly #request: Request;
  readonly #path: PathCursor;
  /** The response to be; undefined until something of it is set or watched. */
  #draft: ResponseDraft | undefined = undefined;
  #isProduced = false;
  /** Whether the session is being loaded, or was loaded, from the store. */
  #isLoadBegun = false;
  #isLoaded = false;
  /** The resource whose code runs, if it uses no session. */
  #sessionless: object | undefined = undefined;
  /** @ignore */
  [USUAL_HOST]: UsualHost | undefined = undefined;
  /** @ignore */
  [OPENED_STREAMS]: OpenStream[] | undefined = undefined;
  /** @ignore */
  [TIE_BODY]: BodyTie<SiteRequest> | undefined = undefined;
  #visit: RequestVisit<Sessions> | undefined = undefined;
  #client: ClientConnection | undefined = undefined;
  #query: URLSearchParams | undefined = undefined;

  /**
   * Wraps a request; sites do that.
   *
   * @param info The connection; `Deno.ServeHandlerInfo` fits.
   */
  constructor(site: SiteOfRequest, request: Request, info?: ConnectionInfo) {
    this.site = site;
    this.#request = request;
    const { method } = request;
    // V8 compares a literal with itself at once, and with Deno's string slowly.
    this.method = method === "GET" ? "GET" : method;
    this.info = info;
    this.#path = new PathCursor(request.url);
  }

  /**
   * The request as it came.
   *
   * @throws {HttpError} 400 if its URL and its Host header name two hosts.
   */
  get request(): Request {
    if (this[USUAL_HOST] !== undefined) checkUsualHost(this);
    return this.#request;
  }

  /** The decoded segments of the path down to the resource. */
  get prepath(): string[] {
    return this.#path.prepath;
  }

  /**
   * The decoded segments below the resource: `"/a/"` begins as `["a", ""]`. The
   * walk takes segments from here, so a resource on the way may change them. `%2F`
   * is a slash inside a segment; a malformed escape stays as it is.
   */
  get postpath(): string[] {
    return this.#path.postpath;
  }

  /**
   * The URL as the platform parses it: dot segments folded, unlike in the tree.
   *
   * @throws {HttpError} 400 if no URL can have the Host header.
   */
  get url(): URL {
    return this.#openClient().url;
  }

  /** The query of the URL. */
  get query(): URLSearchParams {
    return this.#query ??= queryOf(this.#path.url);
  }

  /** The headers of the request. */
  get headers(): Headers {
    return this.request.headers;
  }

  /**
   * Returns a header of the request, or undefined. `Last-Event-ID` is decoded, as
   * browsers send it in UTF-8.
   */
  getHeader(name: string): string | undefined {
    return decodeHeader(name, this.headers.get(name));
  }

  /** Returns the last cookie of a name, or undefined. */
  getCookie(name: string): string | undefined {
    const header = this.headers.get("cookie");
    return header === null || name === ""
      ? undefined
      : findCookie(header, name);
  }

  /**
   * The client's address, if it is known: of the connection, or from the proxy's
   * headers with `trustProxy`.
   */
  get remoteAddress(): string | undefined {
    return this.#openClient().remoteAddress;
  }

  /** Whether the request came over https, to the proxy with `trustProxy`. */
  get isSecure(): boolean {
    return this.site.trustProxy === false
      // The fifth character decides for nearly all URLs, and costs less.
      ? this.#path.url[4] === "s" && this.#path.url.startsWith("https:")
      : this.#openClient().isSecure;
  }

  /**
   * The URL of the site's root as the client sees it, for absolute links. The host
   * is that of the Host header, or of the proxy with `trustProxy`.
   *
   * @throws {HttpError} 400 if the host is invalid.
   */
  get rootURL(): URL {
    return this.#openClient().rootURL;
  }

  /**
   * Returns a relative link from this page to a child of the resource. From
   * Twisted's `childLink`.
   *
   * @param name The child's name, not encoded.
   */
  childLink(name: string): string {
    return childLink(this, name);
  }

  /**
   * Returns a relative link from this page to a sibling of the resource. From
   * Twisted's `sibLink`.
   *
   * @param name The sibling's name, not encoded.
   */
  siblingLink(name: string): string {
    return siblingLink(this, name);
  }

  /**
   * Reads the body as a form, urlencoded or multipart with files.
   *
   * @throws {HttpError} 400 if the body is not a form, 413 if it has more than the
   * site's `maxBodyBytes`, or more fields or parts than its `maxFormFields`.
   */
  async formData(): Promise<FormData> {
    return (await loadLaterCode()).readForm(this);
  }

  /**
   * Reads the body as JSON; errors as for {@linkcode SiteRequest.formData}. Nesting
   * deeper than 1,000 is refused with 400, more than 100,000 members of an object
   * with 413.
   */
  json(): Promise<unknown>;
  /**
   * Reads the body as JSON, and checks it by a Standard Schema: of Zod, Valibot or
   * ArkType, for example.
   *
   * @returns the output of the schema.
   * @throws {HttpError} 400 with the faults, if the schema refuses the body.
   */
  json<T>(schema: StandardSchemaV1<unknown, T>): Promise<T>;
  async json<T>(schema?: StandardSchemaV1<unknown, T>): Promise<unknown> {
    return (await loadLaterCode()).readJson(this, schema);
  }

  /** Reads the body as text; errors as for {@linkcode SiteRequest.formData}. */
  async text(): Promise<string> {
    return (await loadLaterCode()).readText(this);
  }

  /** Reads the body as bytes; errors as for {@linkcode SiteRequest.formData}. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return (await loadLaterCode()).readBytes(this);
  }

  /**
   * Streams the body into a sink, which is closed at the end, or aborted with the
   * error.
   *
   * @returns the number of bytes.
   * @throws {HttpError} Rejects with 413 if the body has more than `maxBodyBytes`,
   * with 400 if it breaks off. An error of the sink is thrown as it is.
   */
  async pipeTo(sink: WritableStream<Uint8Array>): Promise<number> {
    return (await loadLaterCode()).pipeBody(this, sink);
  }

  /**
   * Whether the client left before the response was produced. Its first reading may
   * make Deno print a warning; see {@linkcode SiteRequest.signal}.
   */
  get hasLeft(): boolean {
    return !this.#isProduced && this.#request.signal.aborted;
  }

  /**
   * Aborts when the client leaves before the response is handed over. A body that
   * is handed over whole, text for example, counts as sent from then on.
   *
   * It needs Deno's own signal of the request, for which Deno prints a warning,
   * once in a process. So do {@linkcode SiteRequest.finished}, an access log, and a
   * deadline that passes during a request. `--unstable-no-legacy-abort` avoids the
   * warning.
   *
   * @throws {Error} If it is first read after the response was produced.
   */
  get signal(): AbortSignal {
    return this.#watchDelivery("signal").signal;
  }

  /**
   * Resolves when the response has been handed over whole, and rejects if the
   * client leaves before; the rejection need not be handled. Errors of callbacks of
   * its `then()` go to `onError`. An async function that awaits it rejects too, and
   * Deno ends the process if no caller awaits that function. From Twisted's
   * `notifyFinish`.
   *
   * @throws {Error} If it is first read after the response was produced.
   */
  get finished(): Promise<void> {
    return this.#watchDelivery("finished").finished;
  }

  /** The sessions of the site. */
  get sessions(): Sessions {
    return this.site.sessions;
  }

  /**
   * The live session, if the request has one; see {@linkcode
   * RequestSession.session}. Undefined too if it is first read after the response
   * was produced.
   */
  get session(): Session | undefined {
    if (this.#visit === undefined && this.#isProduced) return undefined;
    return this.#openVisit().session;
  }

  /**
   * Finds the session by the cookie, or creates one; see {@linkcode
   * RequestSession.getSession}. The cookie is set on an error page or a redirect
   * too.
   *
   * @throws {TooLateForCookieError} If the response has been produced, or the
   * connection upgraded.
   */
  getSession(): Session;
  /** Returns the session, typed as the class that the `sessionFactory` makes. */
  getSession<S extends Session>(
    type: new (site: SessionSite, uid: string) => S,
  ): S;
  /** Returns the object of a class that the session keeps; see `getComponent`. */
  getSession<T>(component: SessionComponent<T>): T;
  getSession<T>(
    type?: SessionType<Session> | SessionComponent<T>,
  ): Session | T {
    return this.#openVisit().getSession(type);
  }

  /** The principal of that session; see {@linkcode RequestSession.principal}. */
  get principal(): string | undefined {
    return this.session?.principal;
  }

  /** Whether this request created its session. */
  get isNewSession(): boolean {
    return this.#visit?.isNewSession ?? false;
  }

  /** Logs in; see {@linkcode RequestSession.logIn}, for errors too. */
  logIn(principal: string, options?: LogInOptions): Session {
    return this.#openVisit().logIn(principal, options);
  }

  /** Ends the session; see {@linkcode RequestSession.logOut}. */
  logOut(reason?: SessionEndReason): void {
    this.#openVisit().logOut(reason);
  }

  /** Issues a new token; see {@linkcode RequestSession.renewSession}. */
  renewSession(): Session {
    return this.#openVisit().renewSession();
  }

  /** The headers that the response will carry. */
  get responseHeaders(): Headers {
    return this.#openDraft().headers;
  }

  /**
   * Sets a header of the response, in place of one of the same name.
   *
   * @throws {TypeError} If the name or the value cannot be in a header.
   * @throws {Error} If the response has been produced.
   */
  setHeader(name: string, value: string): void {
    this.#mustNotBeProduced(`set header ${describe(name)}`);
    this.responseHeaders.set(name, value);
  }

  /**
   * Sets the status of the response; 200 by default.
   *
   * @param code From 200 to 599. A Response that is returned has its own.
   * @param message Replaces the usual reason phrase; not sent over HTTP/2.
   * @throws {RangeError} If no Response can have the code.
   * @throws {Error} If the response has been produced.
   */
  setResponseCode(code: number, message?: string): void {
    this.#mustNotBeProduced(`set response code ${code}`);
    this.#openDraft().setStatus(code, message);
  }

  /**
   * Sets the `ETag` of the response, and compares the client's copy with it.
   *
   * @param tag `"v1"` or `W/"v1"` with its quotes; missing quotes are added.
   * @returns true if `If-None-Match` names the tag, by weak comparison. Return `""`
   * then: the status is 304 for GET and HEAD, and 412 for other methods, which must
   * not change anything.
   * @throws {RangeError} If there is a comma in the tag, as lists of tags have.
   * @throws {TypeError} If the tag cannot be in a header.
   * @throws {Error} If the response has been produced.
   */
  setETag(tag: string): boolean {
    return setETag(this, tag);
  }

  /**
   * Sets `Last-Modified` of the response, rounded up to a second, unless it is
   * later already, and compares the client's copy with it.
   *
   * The header is never later than now (RFC 9110, 8.8.2.1). A copy never counts as
   * current if the date is within this second or later: the resource may change
   * again.
   *
   * @returns true if `If-Modified-Since` is not before the date, for GET and HEAD
   * without an `If-None-Match`, which takes precedence (RFC 9110, 13.1.3). The
   * response is then a 304: return `""`.
   * @throws {RangeError} If the date is invalid.
   * @throws {Error} If the response has been produced.
   */
  setLastModified(when: Date): boolean {
    return setLastModified(this, when);
  }

  /**
   * Adds a cookie to the response, and to the error page if the resource fails.
   *
   * @param cookie As in `@std/http/cookie`.
   * @throws {SyntaxError} If the name or the value cannot be in a cookie.
   * @throws {TooLateForCookieError} If the response has been produced.
   */
  addCookie(cookie: Cookie): void {
    const act = `add cookie ${describe(cookie.name)}`;
    this.#mustNotBeProduced(act, TooLateForCookieError);
    this.#openDraft().addCookie(cookie);
  }

  /**
   * Returns a response that redirects the client; return it from `render`.
   *
   * @param url The `Location`, as given, except that control characters, spaces
   * and characters beyond ASCII are percent-encoded.
   * @param code 301, 302, 303, 307 or 308; by default 302.
   * @throws {RangeError} If the code is not one of these.
   */
  redirect(url: string | URL, code: number = 302): Response {
    return redirectTo(url, code);
  }

  /** @ignore */
  get [PATH](): PathCursor {
    return this.#path;
  }

  /** @ignore */
  get [VISIT](): RequestVisit<Sessions> | undefined {
    return this.#visit;
  }

  /** @ignore */
  [OPEN_VISIT](registry = this.site.sessions[OWNER]): RequestVisit<Sessions> {
    return this.#visit ??= new RequestVisit(
      this.site.sessions,
      registry,
      this,
      this.#isProduced,
    );
  }

  /** @ignore */
  [ENTER](resource?: SessionUser): void | Promise<void> {
    const usesSession = resource?.usesSession !== false;
    this.#sessionless = usesSession ? undefined : resource;
    if (!usesSession && this.#visit === undefined) return;
    if (resource?.touchesSession === false) this[OPEN_VISIT]().exclude();
    if (!usesSession || this.#isLoadBegun) return;
    const registry = this.site.sessions[OWNER];
    if (!registry.backend.mustLoad) return;
    this.#isLoadBegun = true;
    const loading = this[OPEN_VISIT](registry).load();
    if (loading instanceof Promise) {
      return loading.then(() => void (this.#isLoaded = true));
    }
    this.#isLoaded = true;
  }

  /** @ignore */
  [WAIT](): void {
    if (this.#sessionless !== undefined && this.#visit === undefined) return;
    const { mustLoad } = this.site.sessions[OWNER].backend;
    // The token's status at the arrival of the request counts, so look it up now.
    if (this.#isLoaded || !mustLoad) this[OPEN_VISIT]().wait();
  }

  /** Opens the visit for code of the application. */
  #openVisit(): RequestVisit<Sessions> {
    if (this.#sessionless === undefined) return this[OPEN_VISIT]();
    throw new Error(
      `Cannot use the session of a request for a ${this.#sessionless.constructor.name}: its usesSession is false`,
    );
  }

  /** @ignore */
  get [HAS_SUCCEEDED](): boolean {
    return (this.#draft?.status ?? 200) < 300;
  }

  /** @ignore */
  [RESET](status = 200): void {
    this.#isProduced = false;
    this.#openDraft().reset(status);
  }

  /** @ignore */
  [NOTIFY_DELIVERY](
    callback: (status: number | undefined, end: DeliveryEnd) => void,
  ): void {
    this.#openDraft().notify(this.#getDelivery(), callback);
  }

  /** @ignore */
  [RESPOND](rendered: Rendered, added: SessionHeaders): MaybePromise<Response> {
    this.#isProduced = true;
    const isHead = this.method === "HEAD";
    const isPlain = typeof rendered === "string" && !isHead &&
      (this.#draft === undefined || this.#draft.isUntouched) &&
      added.clearSiteData === undefined && added.sessionToken === undefined;
    if (isPlain) return plainResponse(rendered, added);
    return this.#openDraft().respond(rendered as BodyInit | Response, added, {
      isHead,
      stopSignal: this.site.stopSignal,
      report: this.#reporter(),
      loadFollow: loadLaterCode,
    });
  }

  /** @ignore */
  [TOKEN_GENERATION](session: object): number | undefined {
    return this.#visit?.[TOKEN_GENERATION](session);
  }

  #openDraft(): ResponseDraft {
    return this.#draft ??= new ResponseDraft();
  }

  #openClient(): ClientConnection {
    return this.#client ??= new ClientConnection(
      this.request,
      this.info,
      this.site,
      this.#path.url,
    );
  }

  #watchDelivery(what: string): Delivery {
    if (!this.#draft?.delivery?.isAskedFor) {
      this.#mustNotBeProduced(`watch the client by ${what}`);
      this.#getDelivery().isAskedFor = true;
    }
    return this.#getDelivery();
  }

  #getDelivery(): Delivery {
    const draft = this.#openDraft();
    return draft.delivery ??= new Delivery(this.#request, this.#reporter());
  }

  #reporter(): (error: unknown) => void {
    return (error) => this.site.reportError(error, { request: this });
  }

  #mustNotBeProduced(
    act: string,
    Kind: new (message: string) => Error = Error,
  ): void {
    if (!this.#isProduced) return;
    throw new Kind(`Cannot ${act}: the response has been produced`);
  }
}
