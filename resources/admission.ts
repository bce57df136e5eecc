import { describe } from "../base/describe.ts";
import { proceed } from "../base/promises.ts";
import { checkHost } from "../http/connection.ts";
import { refuseForeignChange } from "../http/foreign_change.ts";
import { decodeBytes, localPath } from "../http/headers.ts";
import type { SiteRequest } from "../request.ts";
import { OPEN_VISIT } from "../request/internals.ts";
import { Resource } from "../resource.ts";
import { setEndsWithSession } from "./end_with_session.ts";
import { type DescribedError, renderError } from "./error_format.ts";
import { refuse } from "./login_refusals.ts";

/** Returns whether a password is the user's. */
export type PasswordCheck = (
  user: string,
  password: string,
) => boolean | Promise<boolean>;

/** The settings of every guard. */
interface Terms {
  /** The resource behind the guard. */
  readonly resource: Resource;
  readonly origins: readonly string[];
  readonly endsWithSession: boolean;
}

/** The settings of a `Guard`. */
export interface GuardTerms extends Terms {
  /** The `WWW-Authenticate` of a refusal. */
  readonly challenge: string;
  authenticate(
    request: SiteRequest,
  ): string | undefined | Promise<string | undefined>;
}

/** Returns the resource behind a guard, or a refusal. */
export function admitUser(
  request: SiteRequest,
  terms: GuardTerms,
): Resource | Promise<Resource> {
  // A host that changes the path of the URL could bypass the guard.
  checkHost(request.getHeader("host"));
  refuseForeignChange(request, terms.origins);
  return proceed(terms.authenticate(request), (user) => {
    // An override may return another value for "no user", such as null.
    if (typeof user !== "string") return new Unauthorized(terms.challenge);
    request.user = user;
    setEndsWithSession(request, terms.endsWithSession);
    return terms.resource;
  });
}

/** The page for a request that is not authenticated. */
class Unauthorized extends Resource {
  override usesSession = false;
  override isLeaf = true;
  readonly #challenge: string;

  constructor(challenge: string) {
    super();
    this.#challenge = challenge;
  }

  override render(request: SiteRequest): string {
    request.setHeader("www-authenticate", this.#challenge);
    request.setHeader("cache-control", "no-store");
    return renderError(UNAUTHORIZED, request);
  }
}

const UNAUTHORIZED: DescribedError = {
  status: 401,
  brief: "Unauthorized",
  detail: "You need to log in to see this page.",
};

/** Returns the user of an `Authorization` header if the password is the user's. */
export function authenticate(
  request: SiteRequest,
  check: PasswordCheck,
): string | undefined | Promise<string | undefined> {
  const header = request.getHeader("authorization");
  const credentials = header === undefined ? undefined : parseBasic(header);
  if (credentials === undefined) return undefined;
  const { user, password } = credentials;
  const isValid: unknown = check(user, password);
  const act = `authenticate ${describe(user)}`;
  return proceed(
    isValid,
    (isValid) => verdictOf(isValid, act, "the check") ? user : undefined,
  );
}

/** The user and the password of a client. */
interface Credentials {
  readonly user: string;
  readonly password: string;
}

/**
 * Reads the user and the password of an `Authorization` header.
 *
 * @returns undefined if the scheme is not Basic, the text is not base64 of UTF-8,
 * the colon is missing, or there is a control character, which RFC 7617 forbids.
 */
function parseBasic(header: string): Credentials | undefined {
  const [, encoded] = /^basic +(\S+)$/i.exec(header) ?? [];
  if (encoded === undefined) return undefined;
  const text = decode(encoded);
  // The user has no colon; the password may.
  const colon = text?.indexOf(":") ?? -1;
  if (text === undefined || colon === -1 || /\p{Cc}/u.test(text)) {
    return undefined;
  }
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function decode(base64: string): string | undefined {
  try {
    return decodeBytes(atob(base64));
  } catch {
    return undefined;
  }
}

/**
 * Returns the verdict of a function of the application.
 *
 * @throws {TypeError} If it is not a boolean, as without a `return`.
 */
function verdictOf(verdict: unknown, act: string, name: string): boolean {
  if (typeof verdict === "boolean") return verdict;
  throw new TypeError(
    `Cannot ${act}: ${name} returned neither true nor false: ${
      describe(verdict)
    }`,
  );
}

/**
 * Returns the user that the session remembers by a key, and makes the request a
 * visit of the session.
 */
export function recallUser(
  request: SiteRequest,
  key: string,
): string | undefined {
  const { session } = request;
  const user = session?.principal;
  if (user === undefined || session?.get(key) !== user) return undefined;
  request[OPEN_VISIT]().visitLater();
  if (!request.responseHeaders.has("cache-control")) {
    request.setHeader("cache-control", "private");
  }
  return user;
}

/** The settings of a `LoginGuard`. */
export interface LoginTerms extends Terms {
  /** The login page, as browsers send its path. */
  readonly loginPath: string;
  /** The decoded segments of the login page. */
  readonly loginSegments: readonly string[];
  readonly redirects: boolean;
  /** Seconds. */
  readonly maxAge: number;
  readonly allow:
    | ((principal: string, request: SiteRequest) => boolean | Promise<boolean>)
    | undefined;
  /** The page for members that `allow` refuses. */
  readonly forbidden: Resource;
}

/** The longest path that is remembered, since headers have a limit. */
const MAX_NEXT = 2000;

/** Returns the resource behind a login guard, or a refusal. */
export function admitMember(
  request: SiteRequest,
  terms: LoginTerms,
): Resource | Promise<Resource> {
  refuseForeignChange(request, terms.origins);
  const { principal } = request;
  if (principal === undefined || isTooOld(request, terms)) {
    return refuseVisitor(request, terms);
  }
  request.user = principal;
  setEndsWithSession(request, terms.endsWithSession);
  request[OPEN_VISIT]().visitLater();
  if (terms.allow === undefined) return terms.resource;
  const verdict: unknown = terms.allow(principal, request);
  return proceed(verdict, (verdict) => {
    // Meanwhile another request may have logged in or out.
    if (request.principal !== principal) return refuseVisitor(request, terms);
    const act = `admit ${describe(principal)}`;
    return verdictOf(verdict, act, "allow") || isLoginPage(request, terms)
      ? terms.resource
      : terms.forbidden;
  });
}

function isTooOld({ session }: SiteRequest, { maxAge }: LoginTerms): boolean {
  if (maxAge === Infinity || session === undefined) return false;
  const { authenticatedAt = -Infinity } = session;
  return session.site.clock.now() / 1000 - authenticatedAt > maxAge;
}

function refuseVisitor(request: SiteRequest, terms: LoginTerms): Resource {
  request.user = undefined;
  return isLoginPage(request, terms)
    ? terms.resource
    : new Refusal(terms.loginPath, locationFor(request, terms));
}

function isLoginPage(
  { prepath, postpath }: SiteRequest,
  { loginSegments }: LoginTerms,
): boolean {
  return prepath.length + postpath.length === loginSegments.length &&
    [...prepath, ...postpath].every((segment, at) =>
      segment === loginSegments[at]
    );
}

function locationFor(
  request: SiteRequest,
  { loginPath, redirects }: LoginTerms,
): string | undefined {
  if (!redirects) return undefined;
  const { pathname, search } = request.url;
  const path = localPath(pathname + search);
  const isKept = request.method !== "POST" && path !== undefined &&
    path.length <= MAX_NEXT;
  if (!isKept) return loginPath;
  const separator = loginPath.includes("?") ? "&" : "?";
  return `${loginPath}${separator}next=${encodeURIComponent(path)}`;
}

/** Answers a visitor who has not logged in. */
class Refusal extends Resource {
  override usesSession = false;
  override isLeaf = true;
  readonly #loginPath: string;
  readonly #location: string | undefined;

  constructor(loginPath: string, location: string | undefined) {
    super();
    this.#loginPath = loginPath;
    this.#location = location;
  }

  override render(request: SiteRequest): Response {
    return refuse(request, this.#loginPath, this.#location);
  }
}
