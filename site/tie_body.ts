import { isSelfClosing } from "../http/open_stream.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { sessionOf } from "../resources/end_with_session.ts";
import { ACCESS_CHANGED, STREAMS } from "../session/internals.ts";

/**
 * Returns a value whose streamed body ends with the session of the request, in
 * place of one that a resource rendered.
 *
 * A body of a known length is finite and stays as it is, and so does JSON: reading
 * the body of a Response would send it in chunks, without its length.
 */
export function tieBody(rendered: Rendered, request: SiteRequest): Rendered {
  const body = streamOf(rendered);
  if (body === undefined || request.method === "HEAD") return rendered;
  const session = sessionOf(request);
  if (session === undefined) return rendered;
  const tied = session[STREAMS].tieBody(body, request);
  session[ACCESS_CHANGED]();
  return rendered instanceof Response ? new Response(tied, rendered) : tied;
}

/** Returns the body of a value if it may be one that never ends. */
function streamOf(rendered: Rendered): ReadableStream | undefined {
  const body = rendered instanceof Response ? bodyOf(rendered) : rendered;
  if (!(body instanceof ReadableStream)) return undefined;
  return body.locked || isSelfClosing(body) ? undefined : body;
}

function bodyOf(response: Response): ReadableStream | null {
  const { bodyUsed, headers, status, type } = response;
  const isFinite = headers.has("content-length") ||
    /^application\/json\b/i.test(headers.get("content-type") ?? "");
  if (isFinite || bodyUsed || status === 101 || type === "error") return null;
  return response.body;
}
