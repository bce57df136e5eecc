import { describe, visible } from "../base/describe.ts";
import { isPromiseLike, type MaybePromise, proceed } from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import { dropUnsent } from "../http/open_stream.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { ENTER, RESET, USUAL_HOST, WAIT } from "../request/internals.ts";
import { Resource, UnsupportedMethod } from "../resource.ts";
import {
  ErrorPage,
  errorPage,
  forbidden,
  notFound,
} from "../resources/pages.ts";
import { respond, type RespondingSite, respondWith } from "./respond.ts";

/** Answers an error; undefined leaves it to the site's own pages. */
export type ErrorPageCallback = (
  error: unknown,
  request: SiteRequest,
) =>
  | Rendered
  | Resource
  | undefined
  | Promise<Rendered | Resource | undefined>;

/** The parts of a site that answering an error uses. */
export interface FailingSite extends RespondingSite {
  readonly errorPage: ErrorPageCallback | undefined;
  readonly notFoundPage: Resource | undefined;
  readonly serverErrorPage: Resource | undefined;
  readonly displayTracebacks: boolean;
}

/** An answer to an error; undefined leaves it to the next one. */
type Attempt = () => MaybePromise<Response | undefined>;

/** The way in which an error is answered. */
interface Failure {
  /** Whether the error is for the client, and is not reported. */
  readonly isExpected: boolean;
  readonly status: number;
  /** Headers of its page: `Allow`, if the error is about the method. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The page of the application, if it has one. */
  readonly ownPage: Resource | undefined;
  readonly defaultPage: Resource;
}

/**
 * Answers an error: sends a Response that was thrown, reports an unexpected error,
 * and sends the first page that works. These are `errorPage`, `notFoundPage` or
 * `serverErrorPage`, and a page that is always there.
 */
export function answerError(
  site: FailingSite,
  error: unknown,
  request: SiteRequest,
  isSecond = false,
): MaybePromise<Response> {
  // The page of a refused host may read headers.
  if (error instanceof HttpError && error.status === 400) {
    request[USUAL_HOST] = undefined;
  }
  // A Response that was thrown may be that of a stream.
  dropUnsent(request, error);
  // The answer may fail too: a header is invalid, or a change cannot be written.
  const answerSecond = (second: unknown): MaybePromise<Response> => {
    if (!isSecond) return answerError(site, second, request, true);
    site.reportError(second, { request });
    request[RESET]();
    return respondWith(site, failurePage(undefined), request);
  };
  try {
    const answered = tryToAnswer(site, error, request);
    return isPromiseLike(answered) ? answered.catch(answerSecond) : answered;
  } catch (second) {
    return answerSecond(second);
  }
}

function tryToAnswer(
  site: FailingSite,
  error: unknown,
  request: SiteRequest,
): MaybePromise<Response> {
  if (error instanceof Response) {
    request[RESET]();
    return respond(site, error, "a resource", request);
  }
  const failure = failureOf(site, error);
  if (!failure.isExpected) site.reportError(error, { request });
  const { errorPage } = site;
  const { ownPage, defaultPage } = failure;
  const attempts: Attempt[] = [];
  if (errorPage !== undefined) {
    attempts.push(() => askApplication(site, errorPage, error, request));
  }
  if (ownPage !== undefined && !isOptionsOnly(ownPage, request)) {
    attempts.push(() => respondWith(site, ownPage, request));
  }
  attempts.push(() => respondWith(site, defaultPage, request));
  return attempt(site, failure, attempts, request) as MaybePromise<Response>;
}

/** Makes the attempts in turn until one answers. */
function attempt(
  site: FailingSite,
  failure: Failure,
  attempts: readonly Attempt[],
  request: SiteRequest,
): MaybePromise<Response | undefined> {
  const [first, ...others] = attempts;
  request[RESET](failure.status);
  for (const [name, value] of Object.entries(failure.headers ?? {})) {
    request.setHeader(name, value);
  }
  if (others.length === 0) return first!();

  const goOn = () => attempt(site, failure, others, request);
  const fallBack = (error: unknown): MaybePromise<Response | undefined> => {
    if (error instanceof Response) {
      return tryToAnswer(site, error, request);
    }
    // A page may render GET only, and the request may be a POST.
    if (!(error instanceof UnsupportedMethod)) {
      site.reportError(error, { request });
    }
    return goOn();
  };
  try {
    const response = first!();
    if (!isPromiseLike(response)) return response ?? goOn();
    return response.then((response) => response ?? goOn(), fallBack);
  } catch (error) {
    return fallBack(error);
  }
}

/** Asks the option `errorPage` for an answer. */
function askApplication(
  site: FailingSite,
  errorPage: ErrorPageCallback,
  error: unknown,
  request: SiteRequest,
): MaybePromise<Response | undefined> {
  const send = (answer: Rendered | Resource | undefined) => {
    if (answer === undefined) return undefined;
    return answer instanceof Resource
      ? respondWith(site, answer, request)
      : respond(site, answer, "errorPage", request);
  };
  return proceed(request[ENTER](), () => {
    const answer = errorPage(error, request);
    if (!isPromiseLike(answer)) return send(answer);
    request[WAIT]();
    return Promise.resolve(answer).then(send);
  });
}

function failureOf(site: FailingSite, error: unknown): Failure {
  if (error instanceof HttpError) {
    const { headers, message, status } = error;
    return {
      isExpected: true,
      status,
      headers,
      ownPage: status === 404 ? site.notFoundPage : undefined,
      defaultPage: error instanceof UnsupportedMethod
        ? methodPage(status)
        : httpErrorPage(status, message),
    };
  }
  return {
    isExpected: false,
    status: 500,
    ownPage: site.displayTracebacks ? undefined : site.serverErrorPage,
    defaultPage: failurePage(site.displayTracebacks ? error : undefined),
  };
}

/** Returns whether the page would answer OPTIONS by 204 instead of the error. */
function isOptionsOnly(page: Resource, { method }: SiteRequest): boolean {
  return method === "OPTIONS" && page.render === Resource.prototype.render &&
    page.render_OPTIONS === undefined;
}

/**
 * The texts of the statuses that this package answers by, as in RFC 9110. Those of
 * others are looked up, for which the page has to be waited for.
 */
const HEADINGS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  405: "Method Not Allowed",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  416: "Range Not Satisfiable",
  429: "Too Many Requests",
  501: "Not Implemented",
  503: "Service Unavailable",
};

/** Returns the page of an error whose reason the client may see. */
function httpErrorPage(status: number, detail: string): Resource {
  if (status === 404) return notFound(undefined, detail);
  if (status === 403) return forbidden(undefined, detail);
  return new ErrorPage({ status, brief: HEADINGS[status]!, detail });
}

/** Returns the page for a method that a resource does not answer. */
function methodPage(status: number): Resource {
  const detail = "The page at this address does not answer this method.";
  return new ErrorPage({ status, brief: HEADINGS[status], detail });
}

/**
 * Returns the page for an unexpected error.
 *
 * @param error Shown to the client, unless it is undefined.
 */
function failurePage(error: unknown): Resource {
  return errorPage(
    500,
    "Server error",
    error === undefined
      ? "Something went wrong. It has been reported."
      : inspect(error).split("\n").map(visible).join("\n"),
  );
}

function inspect(error: unknown): string {
  try {
    if (typeof Deno !== "undefined") return Deno.inspect(error);
    return error instanceof Error
      ? error.stack ?? String(error)
      : describe(error);
  } catch (second) {
    return `${describe(error)}, which cannot be shown: ${describe(second)}`;
  }
}
