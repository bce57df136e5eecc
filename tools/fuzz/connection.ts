/** The longest time to a response, in milliseconds. */
const LONGEST_WAIT = 60_000;

/**
 * The time in milliseconds that a server has for a request that may have no end,
 * before the client closes its side of the connection.
 */
const PAUSE = 100;

/** Matches the first line of a response. The sites send no body that matches. */
const STATUS_LINE = /HTTP\/1\.[01] (\d{3})/g;

/** The length of the text that STATUS_LINE matches. */
const STATUS_LINE_LENGTH = 12;

/** Matches a token that a site sends. */
const TOKEN = /session=([0-9a-f]{64})/g;

/** The responses on a connection. */
export interface Responses {
  /** The statuses of the responses, except for 1xx. */
  readonly statuses: readonly number[];
  /** The tokens in the responses. */
  readonly tokens: readonly string[];
  readonly end: End;
}

/**
 * The state of the connection: open, closed by the server, or reset by the server,
 * so that bytes may have been lost.
 */
export type End = "open" | "closed" | "reset";

/** Bytes from one read. */
interface Piece {
  readonly text: string;
}

/** A connection that sends raw bytes and collects the responses. */
export class Connection implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #buffer = new Uint8Array(65_536);
  readonly #decoder = new TextDecoder("latin1");
  /** The current read, which may outlast the wait for it. */
  #reading: Promise<Piece | End> | undefined = undefined;
  /** The last bytes, which may be the beginning of a status line. */
  #rest = "";

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Connects to a port of this machine. */
  static async open(port: number): Promise<Connection> {
    return new Connection(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Sends requests, and waits for as many responses. */
  async ask(requests: string, count: number): Promise<Responses> {
    // Not awaited, since the server may respond before it has read all requests.
    this.#write(requests);
    return await this.#receive(count, LONGEST_WAIT);
  }

  /** Sends a broken request, and waits until the server closes the connection. */
  async provoke(text: string): Promise<Responses> {
    this.#write(text);
    const first = await this.#receive(Infinity, PAUSE);
    if (first.end !== "open") return first;
    // The server waits for more bytes: end the stream.
    await this.#connection.closeWrite().catch(() => {});
    const second = await this.#receive(Infinity, LONGEST_WAIT);
    return {
      statuses: [...first.statuses, ...second.statuses],
      tokens: [...first.tokens, ...second.tokens],
      end: second.end,
    };
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch {
      // The connection is closed already.
    }
  }

  async #write(text: string): Promise<void> {
    const bytes = Uint8Array.from(text, (byte) => byte.charCodeAt(0));
    try {
      for (let sent = 0; sent < bytes.length;) {
        sent += await this.#connection.write(bytes.subarray(sent));
      }
    } catch {
      // The server has closed the connection; the next read reports it.
    }
  }

  /** Reads until `count` responses, the end of the connection, or a timeout. */
  async #receive(count: number, timeout: number): Promise<Responses> {
    const statuses: number[] = [];
    const tokens: string[] = [];
    while (statuses.length < count) {
      const read = await this.#readFor(timeout);
      if (typeof read === "string") return { statuses, tokens, end: read };
      const all = this.#rest + read.text;
      for (const [, status] of all.matchAll(STATUS_LINE)) {
        // Another response follows a 1xx.
        if (!status!.startsWith("1")) statuses.push(Number(status));
      }
      for (const [, token] of all.matchAll(TOKEN)) tokens.push(token!);
      this.#rest = all.slice(1 - STATUS_LINE_LENGTH);
    }
    return { statuses, tokens, end: "open" };
  }

  /** Reads once; returns "open" after a timeout. */
  async #readFor(milliseconds: number): Promise<Piece | End> {
    this.#reading ??= this.#read();
    const nothing = Promise.withResolvers<End>();
    const timer = setTimeout(nothing.resolve, milliseconds, "open");
    const read = await Promise.race([this.#reading, nothing.promise]);
    clearTimeout(timer);
    if (read !== "open") this.#reading = undefined;
    return read;
  }

  async #read(): Promise<Piece | End> {
    try {
      const count = await this.#connection.read(this.#buffer);
      return count === null
        ? "closed"
        : { text: this.#decoder.decode(this.#buffer.subarray(0, count)) };
    } catch {
      return "reset";
    }
  }
}
