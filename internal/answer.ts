import { STATUS_TEXT, type StatusCode } from "@std/http/status";
import {
  type ErrorContext,
  forgetResponse,
  holdSessionOf,
  leaveSessionAlone,
  nextSegment,
  type Rendered,
  respondTo,
  type SiteRequest,
} from "../request.ts";
import { Resource, UnsupportedMethod } from "../resource.ts";
import { errorPage, notFound } from "../resources/pages.ts";
import { describe } from "./describe.ts";
import { HttpError } from "./http_error.ts";
import { isPromiseLike } from "./promise_like.ts";
import { isRendered } from "./response.ts";
import { beginRun, endRun } from "./running.ts";

/** A step of the walk. */
export interface RouteStep {
  /** Where from. */
  readonly parent: Resource;
  /** The segment of the path. */
  readonly name: string;
  /** Where to. */
  readonly child: Resource;
}

/** Told of the way of each request down the tree, where somebody wants to know. */
export interface RouteWatch {
  /** The walk has made a step. */
  step(request: SiteRequest, step: RouteStep): void;
  /** The walk has come to its end, and the resource is to render. */
  arrive(request: SiteRequest, resource: Resource): void;
}

/** What the way from a request to its response uses of the site. */
export interface AnsweringSite {
  readonly resource: Resource;
  readonly notFoundPage: Resource | undefined;
  readonly serverErrorPage: Resource | undefined;
  readonly displayTracebacks: boolean;
  /** Told of routes; undefined where nobody wants to know. */
  readonly routes: RouteWatch | undefined;
  reportError(error: unknown, context: ErrorContext): void;
}

/** Something now, or a promise of it where something has to be waited for. */
type MaybePromise<T> = T | Promise<T>;

/** Methods that no resource sees: they are for proxies. */
const REFUSED_METHODS: readonly string[] = ["TRACE", "CONNECT"];

/** Walks the tree, renders, and responds; never throws and never rejects. */
export function answer(
  site: AnsweringSite,
  request: SiteRequest,
): MaybePromise<Response> {
  const outer = beginRun(request);
  try {
    if (REFUSED_METHODS.includes(request.method)) {
      throw new UnsupportedMethod(request.method, []);
    }
    const found = walk(site.resource, request, site.routes);
    const response = isPromiseLike(found)
      ? answerLater(site, found, request)
      : answerWith(site, found, request);
    return isPromiseLike(response)
      ? response.catch((error) =>
        run(request, () => answerError(site, error, request))
      )
      : response;
  } catch (error) {
    return answerError(site, error, request);
  } finally {
    endRun(outer);
  }
}

/** Has a part that had to wait know for which request it runs. */
function run<T>(request: SiteRequest, act: () => T): T {
  const outer = beginRun(request);
  try {
    return act();
  } finally {
    endRun(outer);
  }
}

function answerLater(
  site: AnsweringSite,
  found: Promise<Resource | undefined>,
  request: SiteRequest,
): Promise<Response> {
  holdSessionOf(request);
  return found.then((resource) =>
    run(request, () => answerWith(site, resource, request))
  );
}

/** Answers with the page for an error; what nobody has foreseen is reported. */
export function answerError(
  site: AnsweringSite,
  error: unknown,
  request: SiteRequest,
): MaybePromise<Response> {
  try {
    return pageOf(site, error, request);
  } catch (second) {
    // The error is one of ours that says what no response can.
    site.reportError(second, { request });
    forgetResponse(request);
    return respondWith(failurePage(undefined), request);
  }
}

function pageOf(
  site: AnsweringSite,
  error: unknown,
  request: SiteRequest,
): MaybePromise<Response> {
  forgetResponse(request);
  if (error instanceof UnsupportedMethod) {
    if (error.status === 405) request.setHeader("allow", error.allow);
    return respondWith(methodPage(error.status), request);
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

/** The resource that the path leads to, if it leads to one. */
function walk(
  root: Resource,
  request: SiteRequest,
  routes: RouteWatch | undefined,
): MaybePromise<Resource | undefined> {
  let resource = root;
  while (!resource.isLeaf) {
    const name = nextSegment(request);
    if (name === undefined) break;
    const child: unknown = resource.getChildWithDefault(name, request);
    const parent = resource;
    if (child instanceof Resource) {
      if (routes !== undefined) routes.step(request, { parent, name, child });
      resource = child;
      continue;
    }
    if (child === undefined) return undefined;
    if (!isPromiseLike(child)) throw new NoResourceError(parent, name, child);
    return Promise.resolve(child).then((child) => {
      if (child instanceof Resource) {
        if (routes !== undefined) routes.step(request, { parent, name, child });
        return run(request, () => walk(child, request, routes));
      }
      if (child === undefined) return undefined;
      throw new NoResourceError(parent, name, child);
    });
  }
  return resource;
}

class NoResourceError extends TypeError {
  constructor(parent: Resource, name: string, child: unknown) {
    super(
      `Cannot find child "${name}" of ${parent.constructor.name}: getChild answered no Resource: ${
        describe(child)
      }`,
    );
  }
}

function answerWith(
  site: AnsweringSite,
  resource: Resource | undefined,
  request: SiteRequest,
): MaybePromise<Response> {
  if (resource !== undefined) {
    if (site.routes !== undefined) site.routes.arrive(request, resource);
    return respondWith(resource, request);
  }
  forgetResponse(request);
  const ownPage = site.notFoundPage;
  return answerWithPage(
    site,
    { ownPage, page: notFound(), status: 404 },
    request,
  );
}

/** Answers with a page of the site's own, or with ours if that fails. */
function answerWithPage(
  site: AnsweringSite,
  pages: { ownPage: Resource | undefined; page: Resource; status: number },
  request: SiteRequest,
): MaybePromise<Response> {
  const { ownPage, page, status } = pages;
  if (ownPage === undefined || isOptionsOnly(ownPage, request)) {
    return respondWith(page, request);
  }
  const fallBack = (error: unknown) => {
    // A page that renders GET only has nothing to say to a POST.
    if (!(error instanceof UnsupportedMethod)) {
      site.reportError(error, { request });
    }
    forgetResponse(request);
    return respondWith(page, request);
  };
  try {
    request.setResponseCode(status);
    const response = respondWith(ownPage, request);
    return isPromiseLike(response) ? response.catch(fallBack) : response;
  } catch (error) {
    return fallBack(error);
  }
}

/** Whether OPTIONS would be answered by 204, the page not being there. */
function isOptionsOnly(page: Resource, { method }: SiteRequest): boolean {
  return method === "OPTIONS" && page.render === Resource.prototype.render &&
    page.render_OPTIONS === undefined;
}

function respondWith(
  resource: Resource,
  request: SiteRequest,
): MaybePromise<Response> {
  if (!resource.touchesSession) leaveSessionAlone(request);
  const rendered = resource.render(request);
  if (!isPromiseLike(rendered)) return respond(rendered, resource, request);
  holdSessionOf(request);
  return Promise.resolve(rendered).then((rendered) =>
    respond(rendered, resource, request)
  );
}

function respond(
  rendered: Rendered,
  resource: Resource,
  request: SiteRequest,
): Response {
  if (isRendered(rendered)) return respondTo(request, rendered);
  throw new TypeError(
    `Cannot send what ${resource.constructor.name} rendered for ${request.method}: neither text, bytes, a stream nor a Response: ${
      describe(rendered)
    }`,
  );
}

function methodPage(status: 405 | 501): Resource {
  return errorPage(
    status,
    STATUS_TEXT[status],
    "What is at this address does not answer this method.",
  );
}

/** @param error Shown to whoever looks, unless it is undefined. */
function failurePage(error: unknown): Resource {
  return errorPage(
    500,
    STATUS_TEXT[500],
    error === undefined
      ? "Something went wrong, and those who look after this site know."
      : inspect(error),
  );
}

function inspect(error: unknown): string {
  try {
    return Deno.inspect(error);
  } catch (second) {
    return `${describe(error)}, which cannot be shown: ${describe(second)}`;
  }
}
