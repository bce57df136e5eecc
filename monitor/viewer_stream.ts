import type { Rendered, SiteRequest } from "../request.ts";

/** The server-sent events of one viewer. */
export interface ViewerStream {
  /** The value that the resource renders. */
  readonly rendered: Rendered;
  /** Whether the client has read all messages; false once the stream is closed. */
  readonly isReady: boolean;
  /** Whether the client may still see the monitor. */
  mayLook(): boolean;
  /** Sends a message. */
  send(message: unknown): void;
  /** Closes the stream; browsers come back, and ask the guard again. */
  close(): void;
}

/**
 * Opens the events of a viewer. If there is a session, they close with it, or with
 * the token that opened them.
 *
 * @param onClosed Called when the stream is closed by either side.
 */
export function openViewerStream(
  request: SiteRequest,
  onClosed: () => void,
): ViewerStream {
  const { principal, session } = request;
  if (session === undefined) return openBare(onClosed);
  // Each viewer is sent a message within ten seconds in any case.
  const stream = session.events(request, { keepAlive: Infinity });
  stream.signal.addEventListener("abort", onClosed);
  // If the site has stopped, the stream is closed from the start.
  if (!stream.isOpen) queueMicrotask(onClosed);
  return {
    rendered: stream.response,
    get isReady() {
      return stream.isOpen && stream.isTaken;
    },
    mayLook: () =>
      request.session === session && request.principal === principal,
    send: (data) => void stream.send({ data }),
    close: () => {
      stream.send(SOON);
      stream.close();
    },
  };
}

/** The event by which a browser comes back at once, in milliseconds. */
const SOON = { retry: 200 };

/** Opens events without a session: a guard has asked for a password. */
function openBare(onClosed: () => void): ViewerStream {
  const encoder = new TextEncoder();
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const send = (text: string) => controller.enqueue(encoder.encode(text));
  return {
    rendered: new ReadableStream<Uint8Array>({
      start: (started) => void (controller = started),
      cancel: onClosed,
    }),
    get isReady() {
      return (controller.desiredSize ?? 0) > 0;
    },
    mayLook: () => true,
    send: (message) => send(`data: ${JSON.stringify(message)}\n\n`),
    close: () => {
      send(`retry: ${SOON.retry}\n\n`);
      controller.close();
      onClosed();
    },
  };
}
