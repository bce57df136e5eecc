/** A stream that is open until the client leaves, the session ends, or the site stops. */
export interface OpenStream {
  /** Closes the stream and sends the reason; does nothing if it is closed. */
  end(reason: string): void;
  /** Closes the stream so that the client connects again. */
  cut(): void;
}

/**
 * The open streams of each site, by the signal of its stop.
 *
 * All of them share one listener. A signal searches its listeners for each one
 * that is added or removed, so one for each stream would take quadratic time.
 */
const openOf = new WeakMap<AbortSignal, Set<OpenStream>>();

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
  if (stopSignal.aborted) return stream.end("shutdown");
  ofSession.add(stream);
  streamsUntil(stopSignal).add(stream);
}

/** Removes a stream that is closed. */
export function dropStream(
  stream: OpenStream,
  ofSession: Set<OpenStream>,
  stopSignal: AbortSignal,
): void {
  ofSession.delete(stream);
  openOf.get(stopSignal)?.delete(stream);
}

/** Marks a body as one that closes itself when the site stops. */
export function markSelfClosing(body: ReadableStream): void {
  selfClosing.add(body);
}

/** Returns whether a body closes itself when the site stops. */
export function isSelfClosing(body: ReadableStream): boolean {
  return selfClosing.has(body);
}

function streamsUntil(stopSignal: AbortSignal): Set<OpenStream> {
  const known = openOf.get(stopSignal);
  if (known !== undefined) return known;
  const streams = new Set<OpenStream>();
  openOf.set(stopSignal, streams);
  stopSignal.addEventListener("abort", () => {
    for (const stream of streams) stream.end("shutdown");
  }, { once: true });
  return streams;
}
