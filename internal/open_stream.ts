/** What goes on until the visitor leaves, the session ends, or the site stops. */
export interface OpenStream {
  /** Closes it and says why; if it is closed already, nothing happens. */
  end(reason: string): void;
  /** Closes it, so that the visitor comes back for more. */
  cut(): void;
}

/**
 * The open streams of each site, by the signal of its stop.
 *
 * One listener for all of them: a signal looks through those it has for each
 * that is added or removed, so that a listener each would cost the square.
 */
const openOf = new WeakMap<AbortSignal, Set<OpenStream>>();

/** Streams that close themselves at the stop, in their own way. */
const selfClosing = new WeakSet<ReadableStream>();

/**
 * Keeps a stream among those of its session, and has it closed when the site
 * stops: at once if it has stopped.
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

/** Lets go of a stream that is closed. */
export function dropStream(
  stream: OpenStream,
  ofSession: Set<OpenStream>,
  stopSignal: AbortSignal,
): void {
  ofSession.delete(stream);
  openOf.get(stopSignal)?.delete(stream);
}

/** Notes that a body need not be cut off when the site stops. */
export function markSelfClosing(body: ReadableStream): void {
  selfClosing.add(body);
}

/** Whether that was noted. */
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
