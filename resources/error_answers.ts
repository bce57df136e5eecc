import { describe, visible } from "../base/describe.ts";
import { isPromiseLike, type MaybePromise, proceed } from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import type { ErrorContext, Rendered, SiteRequest } from "../request.ts";
import { ENTER, RESET, WAIT } from "../request/internals.ts";
import { Resource, UnsupportedMethod } from "../resource.ts";
import type { DescribedError } from "./error_format.ts";

/** Answers an error; undefined leaves it to the site's own pages. */
export type ErrorPageCallback = (error: unknown, request: SiteRequest) =>
  | Rendered
  | Resource
  | undefined
  | Promise<Rendered | Resource | undefined>;

/** The parts of a site that answering an error uses. */
export interface FailingSite {
  readonly errorPage: ErrorPageCallback | undefined;
  readonly notFoundPage: Resource | undefined;
  readonly serverErrorPage: Resource | undefined;
  readonly displayTracebacks: boolean;
  reportError(error: unknown, context: ErrorContext): void;
}

/** A request that failed, and the ways to send its answer. */
export interface FailedRequest {
  readonly site: FailingSite;
  readonly request: SiteRequest;
  /** Prepares the request for the answer to an error. */
  readonly prepare: (error: unknown) => void;
  /** Sends a value that a resource rendered, or the option `errorPage` returned. */
  readonly send: (answer: Rendered, source: string) => MaybePromise<Response>;
  /** Renders a page, and sends it. */
  readonly sendPage: (page: Resource) => MaybePromise<Response>;
  /** Sends the page that describes an error. */
  readonly sendError: (error: DescribedError) => MaybePromise<Response>;
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
  /** The texts of the page that is always there. */
  readonly description: DescribedError;
}

/**
 * Answers an error: sends a Response that was thrown, reports an unexpected error,
 * and sends the first page that works. These are `errorPage`, `notFoundPage` or
 * `serverErrorPage`, and a page that is always there.
 */
export function answerError(
  error: unknown,
  failed: FailedRequest,
  isSecond = false,
): MaybePromise<Response> {
  const { site, request } = failed;
  failed.prepare(error);
  // The answer may fail too: a header is invalid, or a change cannot be written.
  const answerSecond = (second: unknown): MaybePromise<Response> => {
    if (!isSecond) return answerError(second, failed, true);
    site.reportError(second, { request });
    request[RESET]();
    return failed.sendError(describeFailure(undefined));
  };
  try {
    const answered = tryToAnswer(error, failed);
    return isPromiseLike(answered) ? answered.catch(answerSecond) : answered;
  } catch (second) {
    return answerSecond(second);
  }
}

function tryToAnswer(
  error: unknown,
  failed: FailedRequest,
): MaybePromise<Response> {
  const { site, request } = failed;
  if (error instanceof Response) {
    request[RESET]();
    return failed.send(error, "a resource");
  }
  const failure = failureOf(site, error);
  if (!failure.isExpected) site.reportError(error, { request });
  const { errorPage } = site;
  const { ownPage, description } = failure;
  const attempts: Attempt[] = [];
  if (errorPage !== undefined) {
    attempts.push(() => askApplication(errorPage, error, failed));
  }
  if (ownPage !== undefined && !isOptionsOnly(ownPage, request)) {
    attempts.push(() => failed.sendPage(ownPage));
  }
  attempts.push(() => failed.sendError(description));
  return attempt(failed, failure, attempts) as MaybePromise<Response>;
}

/** Makes the attempts in turn until one answers. */
function attempt(
  failed: FailedRequest,
  failure: Failure,
  attempts: readonly Attempt[],
): MaybePromise<Response | undefined> {
  const { site, request } = failed;
  const [first, ...others] = attempts;
  request[RESET](failure.status);
  for (const [name, value] of Object.entries(failure.headers ?? {})) {
    request.setHeader(name, value);
  }
  if (others.length === 0) return first!();

  const goOn = () => attempt(failed, failure, others);
  const fallBack = (error: unknown): MaybePromise<Response | undefined> => {
    if (error instanceof Response) return tryToAnswer(error, failed);
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
  errorPage: ErrorPageCallback,
  error: unknown,
  failed: FailedRequest,
): MaybePromise<Response | undefined> {
  const { request } = failed;
  const send = (answer: Rendered | Resource | undefined) => {
    if (answer === undefined) return undefined;
    return answer instanceof Resource
      ? failed.sendPage(answer)
      : failed.send(answer, "errorPage");
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
    const detail = error instanceof UnsupportedMethod
      ? "The page at this address does not answer this method."
      : message;
    return {
      isExpected: true,
      status,
      headers,
      ownPage: status === 404 ? site.notFoundPage : undefined,
      description: { status, brief: HEADINGS[status], detail },
    };
  }
  return {
    isExpected: false,
    status: 500,
    ownPage: site.displayTracebacks ? undefined : site.serverErrorPage,
    description: describeFailure(site.displayTracebacks ? error : undefined),
  };
}

/** Returns whether the page would answer OPTIONS by 204 instead of the error. */
function isOptionsOnly(page: Resource, { method }: SiteRequest): boolean {
  return method === "OPTIONS" && page.render === Resource.prototype.render &&
    page.render_OPTIONS === undefined;
}

/** The headings of pages that do not have the text of their status. */
const HEADINGS: Readonly<Record<number, string>> = {
  403: "No access",
  404: "Page not found",
};

/**
 * Describes an unexpected error.
 *
 * @param error Shown to the client, unless it is undefined.
 */
function describeFailure(error: unknown): DescribedError {
  const detail = error === undefined
    ? "Something went wrong. It has been reported."
    : inspect(error).split("\n").map(visible).join("\n");
  return { status: 500, brief: "Server error", detail };
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
