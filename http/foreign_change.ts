import { type OriginatingRequest, refuseOtherOrigins } from "./headers.ts";

/** The methods that change nothing (RFC 9110, 9.2.1). */
const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/**
 * Refuses a request of another origin, as {@linkcode refuseOtherOrigins} does, if
 * it may change something. A WebSocket may, and browsers open it by GET with the
 * cookie and the password of the client.
 *
 * A request with a bearer token passes: browsers add none by themselves, and a
 * page of another origin can do so only if the site allows it by CORS.
 */
export function refuseForeignChange(
  request: OriginatingRequest & { readonly method: string },
  origins: readonly string[],
): void {
  if (
    SAFE_METHODS.includes(request.method) &&
    request.getHeader("upgrade") === undefined
  ) return;
  if (/^bearer /i.test(request.getHeader("authorization") ?? "")) return;
  refuseOtherOrigins(request, origins);
}
