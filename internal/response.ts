import type { Delivery } from "./delivery.ts";
import { isSelfClosing } from "./open_stream.ts";
import { watchStream } from "./watch_stream.ts";

/** What a response carries beside its body, and how it is sent. */
export interface ResponseParts {
  readonly status: number;
  readonly statusText: string;
  /** What the resource has set, if it has set anything. */
  readonly headers: Headers | undefined;
  /** Whole `Set-Cookie` values. */
  readonly cookies: readonly string[];
  /** What caches may do with it, unless the resource has said something. */
  readonly cacheControl: string | undefined;
  /** The visitor wants the headers only. */
  readonly isHead: boolean;
  /** Whoever waits for the response to be handed over. */
  readonly delivery: Delivery | undefined;
  /** Takes the error of a body that breaks off, or fails when it is cancelled. */
  readonly onBodyError: (error: unknown) => void;
  /** Aborts when the site stops: streams of events end then. */
  readonly stopSignal: AbortSignal;
}

/** What text is unless the resource says otherwise, as in Twisted. */
export const HTML = "text/html; charset=utf-8";

/** Those of the statuses that a Response can have which forbid a body. */
const NULL_BODY_STATUSES: readonly number[] = [101, 204, 205, 304];

/** The response that sends what a resource rendered. */
export function responseOf(
  rendered: BodyInit | Response,
  parts: ResponseParts,
): Response {
  return rendered instanceof Response
    ? dressResponse(rendered, parts)
    : makeResponse(rendered, parts);
}

/** Whether a value can be sent. */
export function isRendered(value: unknown): value is BodyInit | Response {
  return typeof value === "string" || value instanceof Response ||
    value instanceof ReadableStream || value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) || value instanceof Blob ||
    value instanceof FormData || value instanceof URLSearchParams;
}

function makeResponse(body: BodyInit, parts: ResponseParts): Response {
  const { status, statusText, delivery } = parts;
  const hasBody = !NULL_BODY_STATUSES.includes(status);
  const headers = headersFor(hasBody ? body : null, parts);
  const init = { status, statusText, headers };

  if (!hasBody) {
    if (body instanceof ReadableStream) discard(body, parts);
    const response = new Response(null, init);
    delivery?.finish(0);
    return response;
  }
  if (parts.isHead) {
    const response = headOf(new Response(body, init), parts, lengthOf(body));
    delivery?.finish(0);
    return response;
  }
  if (body instanceof ReadableStream) {
    return new Response(follow(body, new Headers(headers), parts), init);
  }
  const response = new Response(body, init);
  delivery?.finish(lengthOf(body));
  return response;
}

/** The headers of a response; a list where the resource has set none: it costs less. */
function headersFor(body: BodyInit | null, parts: ResponseParts): HeadersInit {
  const { headers, cookies, cacheControl } = parts;
  const added: [string, string][] = [];
  if (typeof body === "string" && !headers?.has("content-type")) {
    added.push(["content-type", HTML]);
  }
  if (cacheControl !== undefined && !headers?.has("cache-control")) {
    added.push(["cache-control", cacheControl]);
  }
  for (const cookie of cookies) added.push(["set-cookie", cookie]);
  if (headers === undefined) return added;
  for (const [name, value] of added) headers.append(name, value);
  return headers;
}

/**
 * A resource's own Response with what the request adds to it.
 *
 * A new one, for the resource may have kept it for the next visitor. Only a 101
 * cannot be made anew: the upgraded connection hangs on the object.
 */
function dressResponse(response: Response, parts: ResponseParts): Response {
  const { cookies, delivery, isHead } = parts;
  if (response.status === 101) {
    addTo(response.headers, parts);
    delivery?.finish(0);
    return response;
  }
  if (response.type === "error") {
    throw new TypeError("Cannot send a Response: it is Response.error()");
  }
  if (response.bodyUsed) {
    throw new TypeError("Cannot send a Response: its body has been used");
  }
  const isFollowed = delivery?.isAskedFor || isCutOff(response, parts);
  if (!isFollowed) {
    delivery?.finish(isHead ? 0 : declaredLength(response.headers));
  }
  const hasAdditions = cookies.length > 0 || parts.headers !== undefined ||
    (parts.cacheControl !== undefined &&
      !response.headers.has("cache-control"));
  if (!isFollowed && !hasAdditions && !isHead) return response;

  const { body, status, statusText } = response;
  const headers = new Headers(response.headers);
  addTo(headers, parts);
  const init = { status, statusText, headers };
  if (isHead) {
    delivery?.finish(0);
    return headOf(new Response(body, init), parts);
  }
  if (!isFollowed) return new Response(body, init);
  if (body !== null) return new Response(follow(body, headers, parts), init);
  delivery?.finish(0);
  return new Response(null, init);
}

function addTo(headers: Headers, parts: ResponseParts): void {
  for (const [name, value] of parts.headers ?? []) {
    if (name === "set-cookie") headers.append(name, value);
    else if (!headers.has(name)) headers.set(name, value);
  }
  if (parts.cacheControl !== undefined && !headers.has("cache-control")) {
    headers.set("cache-control", parts.cacheControl);
  }
  for (const cookie of parts.cookies) headers.append("set-cookie", cookie);
}

/** The stream to send in place of a body, so that its end is seen. */
function follow(
  body: ReadableStream,
  headers: Headers,
  parts: ResponseParts,
): ReadableStream {
  return watchStream(body, {
    onError: parts.onBodyError,
    onCancelError: parts.onBodyError,
    ...parts.delivery?.watcher(),
    signal: isEvents(headers) && !isSelfClosing(body)
      ? parts.stopSignal
      : undefined,
  });
}

/**
 * Whether events are followed: until the site stops, or for the access log.
 *
 * The body of no other Response is looked at: that makes a stream of its text,
 * whose length Deno cannot say, and which costs more than the response.
 */
function isCutOff(response: Response, parts: ResponseParts): boolean {
  if (!isEvents(response.headers)) return false;
  const { body } = response;
  return parts.delivery !== undefined || body === null || !isSelfClosing(body);
}

/** Whether a body is a stream of server-sent events, which ends with the site. */
function isEvents(headers: Headers): boolean {
  return headers.get("content-type")?.startsWith("text/event-stream") ?? false;
}

/**
 * The answer to HEAD: a GET's, less its body.
 *
 * Deno says `Content-Length: 0` of a Response without a body, so one whose
 * length is not known gets an empty stream, of which Deno says nothing. No text
 * may mean that render_HEAD does not know, and no body that who made the Response
 * has taken it away already, so they claim no length either.
 */
function headOf(
  response: Response,
  parts: ResponseParts,
  length?: number,
): Response {
  const { body, headers, status } = response;
  if (length && !headers.has("content-length")) {
    headers.set("content-length", String(length));
  }
  const isLengthKnown = NULL_BODY_STATUSES.includes(status) ||
    headers.has("content-length");
  if (body !== null) discard(body, parts);
  return new Response(isLengthKnown ? null : new Blob().stream(), response);
}

/** How long a body is in bytes, if that can be said without reading it. */
function lengthOf(body: BodyInit): number | undefined {
  if (typeof body === "string") return new TextEncoder().encode(body).length;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) {
    return body.byteLength;
  }
  if (body instanceof Blob) return body.size;
  if (body instanceof URLSearchParams) return body.toString().length;
  return undefined;
}

function declaredLength(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  return length === null ? undefined : Number(length);
}

/** Cancels a stream that will not be sent. */
function discard(stream: ReadableStream, { onBodyError }: ResponseParts): void {
  stream.cancel().catch(onBodyError);
}
