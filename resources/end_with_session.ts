import { ForeignSocket, TiedBody, watchUpgrade } from "../live/tied_streams.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { OPEN_VISIT, TIE_BODY } from "../request/internals.ts";
import type { Session } from "../session.ts";
import { STREAMS } from "../session/internals.ts";

/**
 * Sets whether streamed bodies and sockets of the response end with the session of
 * the request.
 */
export function setEndsWithSession(
  request: SiteRequest,
  endsWithSession: boolean,
): void {
  request[TIE_BODY] = endsWithSession ? tieBody : undefined;
  if (!endsWithSession || request.getHeader("upgrade") === undefined) return;
  // The token can be read before the upgrade only.
  sessionOf(request);
  watchUpgrade(request.request, (socket) => {
    const session = request[TIE_BODY] ? sessionOf(request) : undefined;
    session?.[STREAMS].tie(
      (parts) => new ForeignSocket(socket, parts),
      request,
    );
  });
}

/**
 * Returns a value whose streamed body ends with the session of the request, in
 * place of one that a resource rendered.
 *
 * A body of a known length is finite and stays as it is, and so does JSON: reading
 * the body of a Response would send it in chunks, without its length.
 *
 * @param isSelfClosing Returns whether a body ends with the session already.
 */
function tieBody(
  rendered: Rendered,
  request: SiteRequest,
  isSelfClosing: (body: ReadableStream) => boolean,
): Rendered {
  const body = streamOf(rendered);
  if (body === undefined || isSelfClosing(body)) return rendered;
  if (request.method === "HEAD") return rendered;
  const session = sessionOf(request);
  if (session === undefined) return rendered;
  const { stream: tied } = session[STREAMS].tie(
    (parts) => new TiedBody(body, parts),
    request,
  );
  return rendered instanceof Response ? new Response(tied, rendered) : tied;
}

/** Returns the body of a value if it may be one that never ends. */
function streamOf(rendered: Rendered): ReadableStream | undefined {
  const body = rendered instanceof Response ? bodyOf(rendered) : rendered;
  if (!(body instanceof ReadableStream)) return undefined;
  return body.locked ? undefined : body;
}

function bodyOf(response: Response): ReadableStream | null {
  const { bodyUsed, headers, status, type } = response;
  const isFinite = headers.has("content-length") ||
    /^application\/json\b/i.test(headers.get("content-type") ?? "");
  if (isFinite || bodyUsed || status === 101 || type === "error") return null;
  return response.body;
}

/**
 * Returns the session that the request uses, even if it has ended since; undefined
 * for a session that lasts for the request only.
 */
function sessionOf(request: SiteRequest): Session | undefined {
  const visit = request[OPEN_VISIT]();
  try {
    // Judges the token, if that has not been done.
    void visit.session;
  } catch {
    // The store is away, or was not called because the resource uses no session.
    return undefined;
  }
  return visit.isTransient ? undefined : visit.ownSession;
}
