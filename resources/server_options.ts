import type { Rendered, SiteRequest } from "../request.ts";
import { KNOWN_METHODS, Resource } from "../resource.ts";

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
