import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import type { RouteWatch } from "../metrics/route_watch.ts";
import type { SiteRequest } from "../request.ts";
import { Resource, UnsupportedMethod } from "../resource.ts";
import { answerError, type FailingSite } from "./answer_error.ts";
import { respondWith } from "./respond.ts";
import { asksForServer, SERVER_OPTIONS } from "./server_options.ts";
import { walk } from "./walk.ts";

/** The parts of a site that answering a request uses. */
export interface AnsweringSite extends FailingSite {
  readonly resource: Resource;
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

/** Methods that reach no resource: they are for proxies. */
const REFUSED_METHODS: readonly string[] = ["TRACE", "CONNECT"];

/** Walks the tree, renders, and responds; never throws and never rejects. */
export function answer(
  site: AnsweringSite,
  request: SiteRequest,
): MaybePromise<Response> {
  try {
    if (REFUSED_METHODS.includes(request.method)) {
      throw new UnsupportedMethod(request.method, []);
    }
    if (asksForServer(site.resource, request)) {
      return respondWith(site, SERVER_OPTIONS, request);
    }
    const found = walk(site.resource, request, site.routes);
    const response = isPromiseLike(found)
      ? found.then((resource) => answerWith(site, resource, request))
      : answerWith(site, found, request);
    return isPromiseLike(response)
      ? response.catch((error) => answerError(site, error, request))
      : response;
  } catch (error) {
    return answerError(site, error, request);
  }
}

function answerWith(
  site: AnsweringSite,
  resource: Resource | undefined,
  request: SiteRequest,
): MaybePromise<Response> {
  if (resource === undefined) return respondWith(site, ABSENT, request);
  if (site.routes !== undefined) site.routes.arrive(request, resource);
  return respondWith(site, resource, request);
}
