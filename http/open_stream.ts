import type { Clock } from "../base/clock.ts";

/**
 * Why a stream is closed from this side.
 *
 * - `"end"`: the session is over; the client is sent the reason
 * - `"cut"`: its token is no longer valid; the client connects again
 * - `"restart"`: the site stops and the session lives on; the client connects again,
 *   some seconds later
 * - `"drop"`: its response is not sent, and the client gets no reason
 */
export type StreamClosing = "end" | "cut" | "restart" | "drop";

/** A stream that is open until the client leaves, the session ends, or the site stops. */
export interface OpenStream {
  /** Whether the session is in a store, so that another process can continue it. */
  readonly isStored: boolean;
  /**
   * Closes the stream, unless it is closed.
   *
   * @param reason Why the session has ended, for `"end"`.
   */
  closeFor(closing: StreamClosing, reason?: string): void;
  /** Returns whether a rendered value sends the stream to the client. */
  isSentBy(rendered: unknown): boolean;
  /** The 101 of a socket: Deno can send no other response after the upgrade. */
  readonly upgrade?: Response;
}

/** The parts of its session that a stream uses. */
export interface StreamParts {
  readonly clock: Clock;
  /** Whether the session is in a store. */
  readonly isStored: boolean;
  /** Called once, when the stream is closed or closing, by either side. */
  readonly onClosed: () => void;
  /** Called at the closing if the client still has to take it, or to answer. */
  readonly onUntaken: () => void;
  /** Called later, when the client has done so, or has left. */
  readonly onTaken: () => void;
  /** Receives the errors of listeners, and of bodies; must not throw. */
  readonly onError: (error: unknown) => void;
}

/** A request's member that lists the streams that were opened to answer it. */
export const OPENED_STREAMS: unique symbol = Symbol("openedStreams");

/** A request whose response may be a stream. */
export interface StreamedRequest {
  [OPENED_STREAMS]?: OpenStream[] | undefined;
}

/** A site's member that cuts its streams, as the death of its process would. */
export const BREAK_STREAMS: unique symbol = Symbol("breakStreams");

/** The reason of a stop signal that does not end the sessions. */
export class SessionsLiveOn extends DOMException {
  /** Whether a test has killed the process, so that clients get no farewell. */
  readonly hasDied: boolean;

  constructor(hasDied: boolean = false) {
    super("The site has stopped", "AbortError");
    this.hasDied = hasDied;
  }
}

interface SiteStreams {
  readonly open: Set<OpenStream>;
  /** Closed streams with bytes that the client has not read. */
  readonly untaken: Set<object>;
}

/**
 * The streams of each site, by the signal of its stop.
 *
 * All of them share one listener. A signal searches its listeners for each one
 * that is added or removed, so one for each stream would take quadratic time.
 */
const streamsOf = new WeakMap<AbortSignal, SiteStreams>();

/** Streams that close themselves when the site stops. */
const selfClosing = new WeakSet<ReadableStream>();

/**
 * Adds a stream to those of its session, and closes it when the site stops; at
 * once if the site has stopped.
 *
 * @param stream The stream.
 * @param ofSession The open streams of the session.
 * @param stopSignal Aborts when the site stops.
 */
export function keepStream(
  stream: OpenStream,
  ofSession: Set<OpenStream>,
  stopSignal: AbortSignal,
): void {
  if (stopSignal.aborted) return stopStream(stream, stopSignal.reason);
  ofSession.add(stream);
  streamsUntil(stopSignal).open.add(stream);
}

/** Removes a stream that is closed; its client may still have to read the rest. */
export function dropStream(
  stream: OpenStream,
  ofSession: Set<OpenStream>,
  stopSignal: AbortSignal,
): void {
  ofSession.delete(stream);
  streamsOf.get(stopSignal)?.open.delete(stream);
}

/** Returns the number of open streams of a site. */
export function countOpen(stopSignal: AbortSignal): number {
  return streamsOf.get(stopSignal)?.open.size ?? 0;
}

/** Records that the client has not read all bytes of a closed stream. */
export function noteUntaken(stream: object, stopSignal: AbortSignal): void {
  streamsUntil(stopSignal).untaken.add(stream);
}

/** Records that the client has read all bytes, or has left. */
export function noteTaken(stream: object, stopSignal: AbortSignal): void {
  streamsOf.get(stopSignal)?.untaken.delete(stream);
}

/**
 * Returns the number of closed streams that their clients have not read to the end.
 */
export function countUntaken(stopSignal: AbortSignal): number {
  return streamsOf.get(stopSignal)?.untaken.size ?? 0;
}

/**
 * Drops the streams that were opened for a request whose response does not send
 * them: the resource failed, or returned another value.
 *
 * @param rendered The value that is sent; undefined if the request failed.
 * @returns the response that must be sent if the request was upgraded. With any
 * other, the client would wait forever.
 */
export function dropUnsent(
  request: StreamedRequest,
  rendered?: unknown,
): Response | undefined {
  const opened = request[OPENED_STREAMS];
  if (opened === undefined) return undefined;
  const unsent = opened.filter((stream) => !stream.isSentBy(rendered));
  for (const stream of unsent) stream.closeFor("drop");
  return unsent.find(({ upgrade }) => upgrade !== undefined)?.upgrade;
}

/** Drops all streams that were opened for a request: its connection is closed. */
export function dropOpened(request: StreamedRequest): void {
  for (const stream of request[OPENED_STREAMS] ?? []) stream.closeFor("drop");
}

/** Marks a body as one that closes itself when the site stops. */
export function markSelfClosing(body: ReadableStream): void {
  selfClosing.add(body);
}

/** Returns whether a body closes itself when the site stops. */
export function isSelfClosing(body: ReadableStream): boolean {
  return selfClosing.has(body);
}

function streamsUntil(stopSignal: AbortSignal): SiteStreams {
  const known = streamsOf.get(stopSignal);
  if (known !== undefined) return known;
  const streams = { open: new Set<OpenStream>(), untaken: new Set<object>() };
  streamsOf.set(stopSignal, streams);
  stopSignal.addEventListener("abort", () => {
    for (const stream of streams.open) stopStream(stream, stopSignal.reason);
  }, { once: true });
  return streams;
}

/**
 * Closes a stream because its site stops, with the reason if the session is over.
 */
function stopStream(stream: OpenStream, reason: unknown): void {
  const livesOn = reason instanceof SessionsLiveOn;
  if (livesOn && reason.hasDied) stream.closeFor("drop");
  else if (livesOn || stream.isStored) stream.closeFor("restart");
  else stream.closeFor("end", "shutdown");
}
