import { describe } from "../base/describe.ts";
import {
  attempt,
  isPromiseLike,
  type MaybePromise,
  proceed,
} from "../base/promises.ts";
import {
  HostCheck,
  loadForwarded,
  type TrustedProxy,
} from "../http/connection.ts";
import { HttpError } from "../http/http_error.ts";
import { dropUnsent } from "../http/open_stream.ts";
import { pathOf } from "../http/path.ts";
import type { RouteWatch } from "../metrics/route_spans.ts";
import type { SiteRequest } from "../request.ts";
import { ENTER, PATH, RESET, USUAL_HOST, WAIT } from "../request/internals.ts";
import { Resource, UnsupportedMethod } from "../resource.ts";
import type {
  ErrorPageCallback,
  FailedRequest,
  FailingSite,
} from "../resources/error_answers.ts";
import { ErrorPage } from "../resources/pages.ts";
import { loadLaterCode } from "../resources/wrap.ts";
import {
  type AccessLog,
  lineWriter,
  logDelivery,
  type LoggedSite,
  respond,
  type RespondingSite,
  respondWith,
} from "./respond.ts";

/** The parts of a site that answering a request uses. */
export interface AnsweringSite extends FailingSite, LoggedSite, RespondingSite {
  readonly resource: Resource;
  readonly trustProxy: TrustedProxy;
  /** Observes routes; undefined where telemetry is off. */
  readonly routes: RouteWatch | undefined;
}

/** Stands for a resource that is absent, so that a Wrap sees the error. */
class Absent extends Resource {
  override usesSession = false;

  override render(): never {
    throw new HttpError(404, "There is nothing at this address.");
  }
}

const ABSENT: Resource = new Absent();

/** Methods for proxies, which reach no resource. */
const REFUSED_METHODS: readonly string[] = ["TRACE", "CONNECT"];

/** The entry of all requests of a site. */
export class Entrance {
  /** Whether requests are answered 503. */
  isClosed = false;

  readonly #site: AnsweringSite;
  readonly #hosts: HostCheck;
  readonly #log: ((line: string) => void) | undefined;

  /**
   * @throws {RangeError} If an item of `hosts` is not a host.
   * @throws {TypeError} If the stream of the access log is locked.
   */
  constructor(
    site: AnsweringSite,
    { hosts, accessLog }: {
      readonly hosts?: readonly string[];
      readonly accessLog?: AccessLog;
    },
  ) {
    this.#site = site;
    this.#hosts = new HostCheck(hosts);
    this.#log = accessLog &&
      lineWriter(accessLog, (error) => site.reportError(error, {}));
  }

  /** Answers a request, and logs it; never throws and never rejects. */
  answer(request: SiteRequest): MaybePromise<Response> {
    return this.#site.trustProxy === false && this.#log === undefined
      ? this.#answer(request)
      : this.#prepare(request);
  }

  /** Loads what a request needs first, logs the request, and answers it. */
  #prepare(request: SiteRequest): MaybePromise<Response> {
    const site = this.#site;
    const log = this.#log;
    const preparing = attempt(() =>
      proceed(
        site.trustProxy === false ? undefined : loadForwarded(),
        () => log && logDelivery(site, request, log),
      )
    );
    return preparing instanceof Promise
      ? preparing.then(
        () => this.#answer(request),
        (error) => answerError(site, error, request),
      )
      : this.#answer(request);
  }

  #answer(request: SiteRequest): MaybePromise<Response> {
    const site = this.#site;
    try {
      if (this.isClosed) throw new HttpError(503, "The site is closed");
      const usual = this.#hosts.usualOf(request.request.url);
      if (usual === undefined) this.#hosts.check(request);
      else {
        request[USUAL_HOST] = usual;
        request[PATH].startAt(usual.urlBegin.length);
      }
      if (
        request.method !== "GET" && REFUSED_METHODS.includes(request.method)
      ) {
        throw new UnsupportedMethod(request.method, []);
      }
      // These promises are ours, so V8 need not look for a then() in all objects.
      const found = asksForServer(site.resource, request)
        ? proceed(loadLaterCode(), ({ SERVER_OPTIONS }) => SERVER_OPTIONS)
        : walk(site.resource, request, site.routes);
      const response = found instanceof Promise
        ? found.then((found) => respondWith(site, found ?? ABSENT, request))
        : respondWith(site, found ?? ABSENT, request);
      return response instanceof Promise
        ? response.catch((error) => answerError(site, error, request))
        : response;
    } catch (error) {
      return answerError(site, error, request);
    }
  }
}

/**
 * Returns whether a request is `OPTIONS *`, which asks about the server as a whole
 * (RFC 9110, section 9.3.7). Deno shows it as a request for the path `/*`, so a tree
 * that has a child of that name answers itself.
 */
function asksForServer(root: Resource, request: SiteRequest): boolean {
  return request.method === "OPTIONS" &&
    pathOf(request.request.url) === "/*" && !root.children.has("*");
}

/** Returns the resource at the path of a request; undefined if there is none. */
export function walk(
  root: Resource,
  request: SiteRequest,
  routes: RouteWatch | undefined,
): MaybePromise<Resource | undefined> {
  let resource = root;
  while (!resource.isLeaf) {
    const name = request[PATH].next();
    if (name === undefined) break;
    const parent = resource;
    let child: unknown = isPut(parent) ? parent.children.get(name) : undefined;
    if (child === undefined && mayMake(parent)) {
      child = proceed(
        request[ENTER](parent),
        () => childOf(parent, name, request),
      );
    }
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
        return walk(child, request, routes);
      }
      if (child === undefined) return undefined;
      throw new NoResourceError(parent, name, child);
    });
  }
  if (routes !== undefined) routes.arrive(request, resource);
  return resource;
}

/**
 * Returns whether the children of a resource are found without calling its code.
 */
function isPut(resource: Resource): boolean {
  return resource.getChildWithDefault ===
    Resource.prototype.getChildWithDefault;
}

/** Returns whether a resource may make children on request. */
function mayMake(resource: Resource): boolean {
  return !isPut(resource) ||
    resource.getChild !== Resource.prototype.getChild;
}

/** Calls the code of a resource; keeps the session while the request waits for it. */
function childOf(
  parent: Resource,
  name: string,
  request: SiteRequest,
): MaybePromise<Resource | undefined> {
  const child = parent.getChildWithDefault(name, request);
  if (isPromiseLike(child)) request[WAIT]();
  return child;
}

class NoResourceError extends TypeError {
  constructor(parent: Resource, name: string, child: unknown) {
    super(
      `Cannot find child ${
        describe(name)
      } of ${parent.constructor.name}: getChild answered no Resource: ${
        describe(child)
      }`,
    );
  }
}

export type { ErrorPageCallback };

/**
 * Answers an error. The first one of a process waits for the code that does so. If
 * that cannot be loaded, the response is a status without a page.
 */
export function answerError(
  site: FailingSite & RespondingSite,
  error: unknown,
  request: SiteRequest,
): MaybePromise<Response> {
  const failed: FailedRequest = {
    site,
    request,
    prepare: (error) => {
      // The page of a refused host may read headers.
      if (error instanceof HttpError && error.status === 400) {
        request[USUAL_HOST] = undefined;
      }
      // A Response that was thrown may be that of a stream.
      dropUnsent(request, error);
    },
    send: (answer, source) => respond(site, answer, source, request),
    sendPage: (page) => respondWith(site, page, request),
    sendError: (error) => respondWith(site, new ErrorPage(error), request),
  };
  const code = loadLaterCode();
  if (!isPromiseLike(code)) return code.answerError(error, failed);
  request[WAIT]();
  return code.then(
    ({ answerError }) => answerError(error, failed),
    async (failure) => {
      const isExpected = error instanceof HttpError;
      if (!isExpected) site.reportError(error, { request });
      site.reportError(failure, { request });
      const status = isExpected ? error.status : 500;
      try {
        request[RESET](status);
        return await respond(site, "", "an error", request);
      } catch {
        // The changes of the session cannot be written either.
        return new Response(null, { status });
      }
    },
  );
}
