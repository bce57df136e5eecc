import type { RequestFacts } from "./sessions_options.ts";

/** Matches the protocol of a `Forwarded` or an `X-Forwarded-Proto` header. */
const HTTPS = /(?:^|[=,\s"])(?:https|wss)(?:$|[;,\s"])/i;

/** Finds the first request that says https to a site that does not know of it. */
export class ClaimedHttps {
  #isReported = false;

  /**
   * Returns an error if a request over plain http says that the browser sent it
   * over https; once only.
   *
   * @param isProxyTrusted Whether the headers of a proxy have been believed.
   */
  check({ request }: RequestFacts, isProxyTrusted: boolean): Error | undefined {
    if (this.#isReported) return undefined;
    const header = claimOf(request, isProxyTrusted);
    if (header === undefined) return undefined;
    this.#isReported = true;
    return new Error(
      `Cannot mark the session cookie Secure: a request that came over http says https by its header "${header}"; set trustProxy if the proxy in front sets that header, or else cookie.secure`,
    );
  }
}

/** Returns the header by which a request says https, as far as it can be read. */
function claimOf(
  request: Request,
  isProxyTrusted: boolean,
): string | undefined {
  try {
    return claimIn(request, isProxyTrusted);
  } catch {
    // Deno closes a request that became a WebSocket.
    return undefined;
  }
}

function claimIn(
  request: Request,
  isProxyTrusted: boolean,
): string | undefined {
  const { headers } = request;
  for (const name of isProxyTrusted ? [] : ["x-forwarded-proto", "forwarded"]) {
    if (HTTPS.test(headers.get(name) ?? "")) return name;
  }
  const origin = URL.parse(headers.get("origin") ?? "");
  const isOwn = origin?.protocol === "https:" &&
    origin.host === (headers.get("host") ?? URL.parse(request.url)?.host);
  return isOwn ? "origin" : undefined;
}
