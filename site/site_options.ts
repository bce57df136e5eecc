import { describe } from "../base/describe.ts";
import {
  atLeast,
  BOOLEAN,
  checkOptions,
  FUNCTION,
  having,
  instanceOf,
  listOf,
  OBJECT,
  type OptionRules,
  STRING,
} from "../base/options.ts";
import type { Meter } from "../metrics/open_telemetry.ts";
import { SESSIONS_OPTION_RULES } from "../registry/option_rules.ts";
import type {
  SessionFactory,
  SessionsOptions,
  SuspiciousToken,
} from "../registry/sessions_options.ts";
import type { ErrorContext, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { OWNER } from "../session/internals.ts";
import { Sessions } from "../sessions.ts";
import type { AccessLog } from "./respond.ts";
import type { ErrorPageCallback } from "./walk.ts";

/** A request to a site with a token that its sender should not have. */
export interface SuspiciousSession extends SuspiciousToken {
  /** The request with the token. */
  readonly request: SiteRequest;
}

/** The options of a {@linkcode Site}; each may be left out. */
export interface SiteOptions extends SessionsOptions {
  /**
   * Sessions that other sites or handlers use too. The site does not close them.
   * `sessionFactory`, `clock` and the other options of sessions belong to them; the
   * site refuses those options beside `sessions` by a TypeError.
   *
   * @default {undefined}
   */
  sessions?: Sessions;
  /**
   * Called with each error of a resource, a callback or an abort listener.
   *
   * If it throws or rejects, both errors are printed. The default prints the
   * error, without the context, which holds the token.
   *
   * @default {console.error}
   */
  onError?(error: unknown, context: ErrorContext): unknown;
  /**
   * Called for each request with a token that its sender should not have. Its
   * errors are reported.
   *
   * @default {undefined}
   */
  onSuspiciousSession?(suspicion: SuspiciousSession): unknown;
  /**
   * Whether a 500 page shows the error with its stack. Set it in development
   * only: it shows clients the inside of the program.
   *
   * @default {false}
   */
  displayTracebacks?: boolean;
  /**
   * The hosts that the site serves, without ports: `"shop.example"`, and
   * `"*.shop.example"` for all subdomains, but not `shop.example` itself. Requests
   * for other hosts are answered 400. The host is that of `Host`, or of the proxy
   * with `trustProxy`. Case and a dot at the end are ignored.
   *
   * Set it where the site sends links with its own address (`rootURL`): a client
   * can name any host. Health checks need a host that is listed too.
   *
   * @default {undefined}
   */
  hosts?: readonly string[];
  /**
   * The most bytes that a resource may read of a body; more is answered 413.
   *
   * @default {10485760}
   */
  maxBodyBytes?: number;
  /**
   * The most fields that a form may have, or parts if it is multipart, 0 or more;
   * more are answered 413. They are counted before the form is parsed, which takes
   * about 200 bytes of memory for a field of two bytes.
   *
   * @default {1000}
   */
  maxFormFields?: number;
  /**
   * Receives one line per request, in the combined log format, once the response
   * is sent or the client has disconnected (status 499 before there was a
   * response). Deno may print a warning, once; see
   * {@linkcode SiteRequest.signal}. The size of a Response that a resource made
   * is known only if its headers say it.
   *
   * @default {undefined}
   */
  accessLog?: AccessLog;
  /**
   * The meter that counts the sessions, by OpenTelemetry; see `SiteMetrics`. By
   * default the meter of the process, if telemetry is on.
   *
   * @default {undefined}
   */
  meter?: Meter;
  /**
   * The headers of every response, error pages, redirects and 304 included. A
   * header of the same name that a resource sets wins.
   * `Strict-Transport-Security` is sent over https only. Give
   * {@linkcode securityHeaders} here, with changes of your own.
   *
   * @default {{}}
   */
  headers?: Readonly<Record<string, string>>;
  /**
   * Called with each error for which a page is sent, before `notFoundPage` and
   * `serverErrorPage`: an {@linkcode HttpError}, which an
   * {@linkcode UnsupportedMethod} is too, or an unexpected error of a resource,
   * which is reported as well.
   *
   * Returns the page, or a promise of it; undefined leaves the error to the site's
   * other pages. The status is that of the error, unless the function sets another
   * or returns a Response. If it throws, that is reported, and the error is left to
   * the site's other pages.
   *
   * @default {undefined}
   */
  errorPage?: ErrorPageCallback;
  /**
   * The page, with status 404, where the tree has nothing or a resource throws an
   * {@linkcode HttpError} of that status. By default that of `notFound()`.
   *
   * @default {undefined}
   */
  notFoundPage?: Resource;
  /**
   * The page, with status 500, of an unexpected error. By default a sentence.
   *
   * @default {undefined}
   */
  serverErrorPage?: Resource;
}

/** The rules of {@linkcode SiteOptions}. */
export const SITE_OPTION_RULES: OptionRules<SiteOptions> = {
  ...SESSIONS_OPTION_RULES,
  sessions: instanceOf("a Sessions", Sessions),
  displayTracebacks: BOOLEAN,
  hosts: {
    ...listOf("a list of hosts, one or more", STRING),
    isInRange: (hosts: readonly string[]) => hosts.length > 0,
  },
  maxBodyBytes: atLeast(0),
  maxFormFields: atLeast(0),
  accessLog: {
    kind: "a function or a WritableStream",
    isKind: (value) =>
      typeof value === "function" || value instanceof WritableStream,
  },
  meter: having("a Meter", "createCounter"),
  headers: {
    kind: "an object of names and values",
    isKind: (value) =>
      OBJECT.isKind(value) && !Array.isArray(value) &&
      Object.values(value as object).every(STRING.isKind),
  },
  errorPage: FUNCTION,
  notFoundPage: instanceOf("a Resource", Resource),
  serverErrorPage: instanceOf("a Resource", Resource),
};

/** The options that both sessions and a site have. */
const SHARED: readonly string[] = [
  "onError",
  "shutdownTimeout",
  "trustProxy",
  "hops",
];

/** Returns the options for the sessions that a site makes. */
export function sessionsOptionsOf(options: SiteOptions): SessionsOptions {
  const own = Object.entries(options).filter(([name]) =>
    Object.hasOwn(SESSIONS_OPTION_RULES, name)
  );
  return Object.fromEntries(own);
}

/**
 * Checks the arguments of a site.
 *
 * @throws {TypeError} If the resource is not a Resource, or an option is of a
 * wrong kind, unknown, or not allowed beside `sessions`.
 * @throws {RangeError} If an option is out of range.
 */
export function checkSite(resource: Resource, options: SiteOptions): void {
  if (!(resource instanceof Resource)) {
    throw new TypeError(
      `Cannot make a site: the root is not a Resource: ${describe(resource)}`,
    );
  }
  checkOptions("make a site", options, SITE_OPTION_RULES);
  checkGivenSessions(options);
}

/** Refuses options of sessions beside `sessions`; the message names the option. */
function checkGivenSessions(options: SiteOptions): void {
  if (options.sessions === undefined) return;
  for (const [name, value] of Object.entries(sessionsOptionsOf(options))) {
    if (value === undefined || SHARED.includes(name)) continue;
    throw new TypeError(
      `Cannot make a site: ${name} belongs to the sessions that it was given`,
    );
  }
}

/** A site that decides the class of its sessions. */
export interface FactorySite {
  sessionFactory: SessionFactory;
}

/** Makes the sessions of a site; their class is always that of the site. */
export function makeSessions(
  site: FactorySite,
  options: SiteOptions,
): Sessions {
  const sessions = new Sessions(sessionsOptionsOf(options));
  // An accessor on the object itself would make the whole object slow in V8.
  sessions[OWNER].factoryHolder = site;
  return sessions;
}
