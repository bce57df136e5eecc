import { pathOf } from "../http/path.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { KNOWN_METHODS, Resource } from "../resource.ts";

/**
 * Returns whether a request is `OPTIONS *`, which asks about the server as a whole
 * (RFC 9110, section 9.3.7). Deno shows it as a request for the path `/*`, so a tree
 * that has a child of that name answers itself.
 */
export function asksForServer(root: Resource, request: SiteRequest): boolean {
  return request.method === "OPTIONS" &&
    pathOf(request.request.url) === "/*" && !root.children.has("*");
}

/** Answers `OPTIONS *` with the methods that a resource may have. */
class ServerOptions extends Resource {
  override usesSession = false;
  override touchesSession = false;

  override render(request: SiteRequest): Rendered {
    request.setResponseCode(204);
    request.setHeader("allow", KNOWN_METHODS.join(", "));
    return "";
  }
}

/** The resource that answers `OPTIONS *`. */
export const SERVER_OPTIONS: Resource = new ServerOptions();
