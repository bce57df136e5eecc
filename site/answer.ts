import { STATUS_TEXT, type StatusCode } from "@std/http/status";
import type { ErrorContext, Rendered, SiteRequest } from "../request.ts";
import { OPEN_VISIT, RESET, RESPOND, VISIT } from "../request/internals.ts";
import { Resource, UnsupportedMethod } from "../resource.ts";
import { errorPage, notFound } from "../resources/pages.ts";
import type { RouteWatch } from "../metrics/route_watch.ts";
import { describe } from "../base/describe.ts";
import { HttpError } from "../http/http_error.ts";
import { isPromiseLike, type MaybePromise } from "../base/maybe_promise.ts";
import { isRendered } from "../http/response.ts";
import type { SessionHeaders } from "../registry/visit.ts";
import { failurePage, methodPage } from "./error_pages.ts";
import { walk } from "./walk.ts";

/** The parts of a site that answering a request uses. */
export interface AnsweringSite {
  readonly resource: Resource;
  readonly notFoundPage: Resource | undefined;
  readonly serverErrorPage: Resource | undefined;
  readonly displayTracebacks: boolean;
  /** Observes routes; undefined where telemetry is off. */
  readonly routes: RouteWatch | undefined;
  reportError(error: unknown, context: ErrorContext): void;
}

/** Methods that reach no resource: they are for proxies. */
const REFUSED_METHODS: readonly string[] = ["TRACE", "CONNECT"];

/** Loads the session of a request from the store, and answers. */
export function loadAndAnswer(
  site: AnsweringSite,
  request: SiteRequest,
): MaybePromise<Response> {
  const loading = request[OPEN_VISIT]().load();
  return isPromiseLike(loading)
    ? loading.then(() => answer(site, request))
    : answer(site, request);
}

/** Walks the tree, renders, and responds; never throws and never rejects. */
export function answer(
  site: AnsweringSite,
  request: SiteRequest,
): MaybePromise<Response> {
  try {
    if (REFUSED_METHODS.includes(request.method)) {
      throw new UnsupportedMethod(request.method, []);
    }
    const found = walk(site.resource, request, site.routes);
    const response = isPromiseLike(found)
      ? answerLater(site, found, request)
      : answerWith(site, found, request);
    return isPromiseLike(response)
      ? response.catch((error) => answerError(site, error, request))
      : response;
  } catch (error) {
    return answerError(site, error, request);
  }
}

function answerLater(
  site: AnsweringSite,
  found: Promise<Resource | undefined>,
  request: SiteRequest,
): Promise<Response> {
  waitWith(request);
  return found.then((resource) => answerWith(site, resource, request));
}

/** Answers with the page for an error, and reports an unexpected error. */
export function answerError(
  site: AnsweringSite,
  error: unknown,
  request: SiteRequest,
): MaybePromise<Response> {
  try {
    return pageOf(site, error, request);
  } catch (second) {
    // The status or a header of the error may be invalid in a response.
    site.reportError(second, { request });
    request[RESET]();
    return respondWith(site, failurePage(undefined), request);
  }
}

function pageOf(
  site: AnsweringSite,
  error: unknown,
  request: SiteRequest,
): MaybePromise<Response> {
  request[RESET]();
  if (error instanceof UnsupportedMethod) {
    if (error.status === 405) request.setHeader("allow", error.allow);
    return respondWith(site, methodPage(error.status), request);
  }
  if (error instanceof HttpError) {
    const { message, status } = error;
    const brief = STATUS_TEXT[status as StatusCode] ?? `Error ${status}`;
    const page = errorPage(status, brief, message);
    const ownPage = status === 404 ? site.notFoundPage : undefined;
    return answerWithPage(site, { ownPage, page, status }, request);
  }
  site.reportError(error, { request });
  const page = failurePage(site.displayTracebacks ? error : undefined);
  const ownPage = site.displayTracebacks ? undefined : site.serverErrorPage;
  return answerWithPage(site, { ownPage, page, status: 500 }, request);
}

function answerWith(
  site: AnsweringSite,
  resource: Resource | undefined,
  request: SiteRequest,
): MaybePromise<Response> {
  if (resource !== undefined) {
    if (site.routes !== undefined) site.routes.arrive(request, resource);
    return respondWith(site, resource, request);
  }
  request[RESET]();
  const ownPage = site.notFoundPage;
  return answerWithPage(
    site,
    { ownPage, page: notFound(), status: 404 },
    request,
  );
}

/** Answers with the page that the site sets, or with the default page if it fails. */
function answerWithPage(
  site: AnsweringSite,
  pages: { ownPage: Resource | undefined; page: Resource; status: number },
  request: SiteRequest,
): MaybePromise<Response> {
  const { ownPage, page, status } = pages;
  if (ownPage === undefined || isOptionsOnly(ownPage, request)) {
    return respondWith(site, page, request);
  }
  const fallBack = (error: unknown) => {
    // A page may render GET only, and the request may be a POST.
    if (!(error instanceof UnsupportedMethod)) {
      site.reportError(error, { request });
    }
    request[RESET]();
    return respondWith(site, page, request);
  };
  try {
    request.setResponseCode(status);
    const response = respondWith(site, ownPage, request);
    return isPromiseLike(response) ? response.catch(fallBack) : response;
  } catch (error) {
    return fallBack(error);
  }
}

/** Returns whether the page would answer OPTIONS by 204 instead of the error. */
function isOptionsOnly(page: Resource, { method }: SiteRequest): boolean {
  return method === "OPTIONS" && page.render === Resource.prototype.render &&
    page.render_OPTIONS === undefined;
}

function respondWith(
  site: AnsweringSite,
  resource: Resource,
  request: SiteRequest,
): MaybePromise<Response> {
  if (!resource.touchesSession) request[OPEN_VISIT]().exclude();
  const rendered = resource.render(request);
  if (!isPromiseLike(rendered)) {
    return respond(site, rendered, resource, request);
  }
  waitWith(request);
  return Promise.resolve(rendered).then((rendered) =>
    respond(site, rendered, resource, request)
  );
}

/** Keeps the session from idling out while the request waits for a promise. */
function waitWith(request: SiteRequest): void {
  // The token counts as it was when the request arrived, so look it up now.
  request[OPEN_VISIT]().wait();
}

function respond(
  site: AnsweringSite,
  rendered: Rendered,
  resource: Resource,
  request: SiteRequest,
): MaybePromise<Response> {
  if (!isRendered(rendered)) {
    throw new TypeError(
      `Cannot send what ${resource.constructor.name} rendered for ${request.method}: neither text, bytes, a stream nor a Response: ${
        describe(rendered)
      }`,
    );
  }
  const visit = request[VISIT];
  if (visit === undefined) return request[RESPOND](rendered, NO_SESSION);
  const finishing = visit.finish();
  if (!isPromiseLike(finishing)) return request[RESPOND](rendered, finishing);
  return finishing.then(
    (headers) => request[RESPOND](rendered, headers),
    (error) => {
      discard(rendered, (error) => site.reportError(error, { request }));
      throw error;
    },
  );
}

/** Cancels a body that will not be sent. */
function discard(
  rendered: Rendered,
  report: (error: unknown) => void,
): void {
  const body = rendered instanceof Response ? rendered.body : rendered;
  if (body instanceof ReadableStream) body.cancel().catch(report);
}

const NO_SESSION: SessionHeaders = {
  setCookie: undefined,
  clearSiteData: undefined,
  cacheControl: undefined,
};
