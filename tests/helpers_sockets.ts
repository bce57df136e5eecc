/**
 * What the tests of sockets share.
 *
 * @module
 */

/** A visitor's end of a socket. */
export class Visitor {
  readonly #socket: WebSocket;
  readonly opened: Promise<void>;
  readonly closed: Promise<{ code: number; reason: string; at: number }>;
  readonly #messages: string[] = [];
  #onMessage = () => {};

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#socket = new WebSocket(url, { headers });
    const opened = Promise.withResolvers<void>();
    this.opened = opened.promise;
    this.opened.catch(() => {});
    this.#socket.onopen = () => opened.resolve();
    this.#socket.onerror = () => opened.reject(new Error("It does not open"));
    this.#socket.onmessage = ({ data }) => {
      this.#messages.push(data);
      this.#onMessage();
    };
    this.closed = new Promise((resolve) => {
      this.#socket.onclose = ({ code, reason }) =>
        resolve({ code, reason, at: performance.now() });
    });
  }

  /** Sends a text, or what is no text. */
  send(data: string | ArrayBuffer): void {
    this.#socket.send(data);
  }

  /** Sends a text, and waits for what comes back. */
  async ask(text: string): Promise<string> {
    const answered = new Promise<void>((resolve) => this.#onMessage = resolve);
    this.#socket.send(text);
    if (this.#messages.length === 0) await answered;
    return this.#messages.shift()!;
  }

  leave(): Promise<unknown> {
    this.#socket.close();
    return this.closed;
  }
}
