import { describe } from "../base/describe.ts";
import type { Session } from "../session.ts";
import type {
  RequestFacts,
  SessionErrorContext,
  SessionsOptions,
} from "./sessions_options.ts";

/** Matches the protocol of a `Forwarded` or an `X-Forwarded-Proto` header. */
const HTTPS = /(?:^|[=,\s"])(?:https|wss)(?:$|[;,\s"])/i;

/** The headers in which a proxy names the protocol. */
const PROTOCOL_HEADERS = ["x-forwarded-proto", "forwarded"];

/** Reports faults of the program or of its deployment, each once. */
export class FirstReports {
  readonly #options: Readonly<SessionsOptions>;
  readonly #site: {
    reportError(error: Error, context: SessionErrorContext): void;
  };
  #hasHttps = false;
  #hasPrincipal = false;

  /**
   * @param report Passes an error to `onError`; must not throw.
   */
  constructor(
    options: Readonly<SessionsOptions>,
    site: { reportError(error: Error, context: SessionErrorContext): void },
  ) {
    this.#options = options;
    this.#site = site;
  }

  /**
   * Checks a request over plain http whose response sets a cookie without `Secure`:
   * the browser may have sent the request over https.
   */
  noteInsecureCookie(request: RequestFacts): void {
    if (this.#hasHttps) return;
    const { trustProxy = false } = this.#options;
    const header = findClaim(request.request, trustProxy !== false);
    if (header === undefined) return;
    this.#hasHttps = true;
    const error = new Error(
      `Cannot mark the session cookie Secure: a request that came over http says https by its header "${header}"; set trustProxy if the proxy in front sets that header, or else cookie.secure`,
    );
    this.#site.reportError(error, { request });
  }

  /**
   * Reports a session that got its principal during a request without a new token.
   */
  noteAssignedPrincipal(session: Session, request: RequestFacts): void {
    const { reportsAssignedPrincipals = true } = this.#options;
    if (this.#hasPrincipal || !reportsAssignedPrincipals) return;
    this.#hasPrincipal = true;
    const error = new Error(
      `Cannot replace the token of session "${session.uid}" at its login: the principal ${
        describe(session.principal)
      } was assigned during a request; call request.logIn() there, or turn reportsAssignedPrincipals off`,
    );
    this.#site.reportError(error, { request, session });
  }
}

/** Returns the header that says that a request came over https. */
function findClaim(
  request: Request,
  isProxyTrusted: boolean,
): string | undefined {
  try {
    const { headers } = request;
    if (!isProxyTrusted) {
      for (const name of PROTOCOL_HEADERS) {
        const value = headers.get(name);
        if (value !== null && HTTPS.test(value)) return name;
      }
    }
    // Requests without an origin are nearly all, and URL.parse() is slow.
    const value = headers.get("origin");
    const origin = value === null ? null : URL.parse(value);
    if (origin?.protocol !== "https:") return undefined;
    const host = headers.get("host") ?? URL.parse(request.url)?.host;
    return origin.host === host ? "origin" : undefined;
  } catch {
    // Deno does not let the request of an upgraded connection be read any more.
    return undefined;
  }
}
