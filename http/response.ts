import { type MaybePromise, proceed } from "../base/promises.ts";
import type { Delivery } from "./delivery.ts";
import type { followBody } from "./followed_body.ts";
import { isSelfClosing, noteTaken, noteUntaken } from "./open_stream.ts";

/** The parts of a response beside its body, and how it is sent. */
export interface ResponseParts {
  readonly status: number;
  readonly statusText: string;
  /** The headers that the resource has set; undefined without any. */
  readonly headers: Headers | undefined;
  /** Whole `Set-Cookie` values. */
  readonly cookies: readonly string[];
  /**
   * The `Cache-Control` to add, unless the resource's own keeps the response
   * private.
   */
  readonly cacheControl: string | undefined;
  /** Whether the method is HEAD, so that only headers are sent. */
  readonly isHead: boolean;
  /** The delivery to notify; undefined if no code watches it. */
  readonly delivery: Delivery | undefined;
  /**
   * Receives the error of a body that breaks, or that fails when it is cancelled.
   */
  readonly onBodyError: (error: unknown) => void;
  /** Aborts when the site stops: streams of events end then. */
  readonly stopSignal: AbortSignal;
  /** Loads the code that follows a streamed body. */
  readonly loadFollow: LoadFollow;
}

/** Loads the code that follows a streamed body. */
export type LoadFollow = () => MaybePromise<
  { readonly followBody: typeof followBody }
>;

/** The default content type of text, as in Twisted. */
export const HTML = "text/html; charset=utf-8";

/** The statuses that a Response can have and that forbid a body. */
const NULL_BODY_STATUSES: readonly number[] = [101, 204, 205, 304];

/** Makes the response of a value that a resource rendered. */
export function responseOf(
  rendered: BodyInit | Response,
  parts: ResponseParts,
): MaybePromise<Response> {
  return rendered instanceof Response
    ? dressResponse(rendered, parts)
    : makeResponse(rendered, parts);
}

/** Returns whether headers keep a response out of caches that clients share. */
export function isPrivate(
  headers: { get(name: string): string | null | undefined },
): boolean {
  const own = headers.get("cache-control");
  if (own === null || own === undefined) return false;
  // `private="x-name"` concerns that header only.
  return own.replace(/"[^"]*"/g, '""').split(",").some((directive) =>
    /^[\t ]*(private|no-store)[\t ]*$/i.test(directive)
  );
}

/**
 * A value that a resource renders; text is HTML unless a type was set. A `String`
 * object, as templates of Hono make, is sent as its text.
 *
 * Bytes in shared memory cannot be sent: the response is a 500. A stream that
 * breaks is reported to `onError`. The body of a Response is not watched, because
 * that would cost more than making the response; Deno prints its error, unless the
 * request's `signal` or `finished` was read.
 */
export type Rendered = BodyInit | Uint8Array | Response;

/** Returns whether a value can be sent. */
export function isRendered(value: unknown): value is BodyInit | Response {
  return typeof value === "string" || value instanceof Response ||
    value instanceof ReadableStream || value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) || value instanceof Blob ||
    value instanceof FormData || value instanceof URLSearchParams;
}

function makeResponse(
  body: BodyInit,
  parts: ResponseParts,
): MaybePromise<Response> {
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
    return followed(body, { ...init, headers: new Headers(headers) }, parts);
  }
  const response = new Response(body, init);
  delivery?.finish(lengthOf(body));
  return response;
}

/** Returns the headers of a response; a cheaper list if the resource set none. */
function headersFor(body: BodyInit | null, parts: ResponseParts): HeadersInit {
  const { headers, cookies, cacheControl } = parts;
  const added: [string, string][] = [];
  if (typeof body === "string" && !headers?.has("content-type")) {
    added.push(["content-type", HTML]);
  }
  const isCacheSaid = cacheControl === undefined ||
    headers !== undefined && isPrivate(headers);
  if (!isCacheSaid) {
    headers?.delete("cache-control");
    added.push(["cache-control", cacheControl]);
  }
  for (const cookie of cookies) added.push(["set-cookie", cookie]);
  if (headers === undefined) return added;
  for (const [name, value] of added) headers.append(name, value);
  return headers;
}

/**
 * Returns a resource's own Response with the additions of the request.
 *
 * A Response with additions is a new one, because the resource may send its own
 * again. Only a 101 cannot be rebuilt: the upgraded connection belongs to the
 * object.
 */
function dressResponse(
  response: Response,
  parts: ResponseParts,
): MaybePromise<Response> {
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
      !isPrivate(response.headers));
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
  if (body !== null) return followed(body, init, parts);
  delivery?.finish(0);
  return new Response(null, init);
}

function addTo(headers: Headers, parts: ResponseParts): void {
  for (const [name, value] of parts.headers ?? []) {
    if (name === "set-cookie") headers.append(name, value);
    else if (!headers.has(name)) headers.set(name, value);
  }
  const { cacheControl } = parts;
  if (cacheControl !== undefined && !isPrivate(headers)) {
    headers.set("cache-control", cacheControl);
  }
  for (const cookie of parts.cookies) headers.append("set-cookie", cookie);
}

/** Makes a response whose body is followed to its end. */
function followed(
  body: ReadableStream,
  init: ResponseInit & { readonly headers: Headers },
  parts: ResponseParts,
): MaybePromise<Response> {
  const { delivery, onBodyError, stopSignal } = parts;
  const stop = isEvents(init.headers) && !isSelfClosing(body)
    ? { signal: stopSignal, onUntaken: noteUntaken, onTaken: noteTaken }
    : undefined;
  return proceed(parts.loadFollow(), ({ followBody }) => {
    const options = { delivery, onError: onBodyError, stop };
    return new Response(followBody(body, options), init);
  });
}

/**
 * Returns whether a stream of events must be watched, so that it ends with the site
 * or is logged.
 *
 * The body of no other Response is read: reading it would turn text into a stream,
 * which has no known length and costs more than the response.
 */
function isCutOff(response: Response, parts: ResponseParts): boolean {
  if (!isEvents(response.headers)) return false;
  const { body } = response;
  return parts.delivery !== undefined || body === null || !isSelfClosing(body);
}

/** Returns whether a body is a stream of server-sent events. */
function isEvents(headers: Headers): boolean {
  return headers.get("content-type")?.startsWith("text/event-stream") ?? false;
}

/**
 * Returns the answer to HEAD: that to GET without its body.
 *
 * Deno sends `Content-Length: 0` for a Response without a body. So a Response of
 * unknown length gets an empty stream, for which Deno sends no length. The length
 * is also unknown if render_HEAD returned empty text, or a Response without a body.
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

/** Returns the bytes of a body; undefined if it would have to be read. */
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

/** The headers that a session adds to a response that is only text. */
export interface PlainAdditions {
  readonly setCookie: string | undefined;
  readonly cacheControl: string | undefined;
}

/**
 * Makes a response of HTML to which the resource added nothing.
 *
 * Deno reads headers faster from objects than from lists of pairs. The difference
 * is 15 % of such a response if it has several headers.
 */
export function plainResponse(text: string, added: PlainAdditions): Response {
  if (added.cacheControl === undefined) return new Response(text, PLAIN);
  if (added.setCookie === undefined) return new Response(text, PRIVATE);
  const headers = {
    "content-type": HTML,
    "cache-control": added.cacheControl,
    "set-cookie": added.setCookie,
  };
  return new Response(text, { headers });
}

const PLAIN: ResponseInit = { headers: { "content-type": HTML } };
const PRIVATE: ResponseInit = {
  headers: { "content-type": HTML, "cache-control": "private" },
};
