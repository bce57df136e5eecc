/** How long a server may leave a request without any answer, in milliseconds. */
const PATIENCE = 60_000;

/**
 * How long a server may take over what may have no end, before it is told that
 * no more will come, in milliseconds.
 */
const PAUSE = 100;

/** The line that every response begins with; what the sites send is never like it. */
const STATUS_LINE = /HTTP\/1\.[01] (\d{3})/g;

/** The longest part of a status line that may come apart from the rest of it. */
const STATUS_LINE_LENGTH = 12;

/** A token that a site hands out. */
const TOKEN = /session=([0-9a-f]{64})/g;

/** What has come back over a connection. */
export interface Answers {
  /** The statuses of the responses, but for those that promise another. */
  readonly statuses: readonly number[];
  /** The tokens that were handed out. */
  readonly tokens: readonly string[];
  readonly end: End;
}

/**
 * What has become of the connection: it is still open, or the server has closed
 * it, or so suddenly that some of what it sent was lost on the way.
 */
export type End = "open" | "closed" | "reset";

/** What has come at once. */
interface Piece {
  readonly text: string;
}

/** A connection that sends bytes, whatever they are, and counts what comes back. */
export class Connection implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #buffer = new Uint8Array(65_536);
  readonly #decoder = new TextDecoder("latin1");
  /** The read that is under way, even if nobody waits for it any more. */
  #reading: Promise<Piece | End> | undefined = undefined;
  /** The end of what has come, which may be the beginning of a status line. */
  #rest = "";

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Connects to a port of this machine. */
  static async open(port: number): Promise<Connection> {
    return new Connection(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Sends requests, and waits for as many responses. */
  async ask(requests: string, count: number): Promise<Answers> {
    // Not awaited: the server need not have read all before it answers.
    this.#write(requests);
    return await this.#receive(count, PATIENCE);
  }

  /** Sends what may be no request, and waits until the server closes. */
  async provoke(text: string): Promise<Answers> {
    this.#write(text);
    const first = await this.#receive(Infinity, PAUSE);
    if (first.end !== "open") return first;
    // It waits for more, or for the next request: none will come.
    await this.#connection.closeWrite().catch(() => {});
    const second = await this.#receive(Infinity, PATIENCE);
    return {
      statuses: [...first.statuses, ...second.statuses],
      tokens: [...first.tokens, ...second.tokens],
      end: second.end,
    };
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch {
      // It is closed already.
    }
  }

  async #write(text: string): Promise<void> {
    const bytes = Uint8Array.from(text, (byte) => byte.charCodeAt(0));
    try {
      for (let sent = 0; sent < bytes.length;) {
        sent += await this.#connection.write(bytes.subarray(sent));
      }
    } catch {
      // The server has closed, which is seen when its answer is read.
    }
  }

  /** Takes what comes, until it is so much, the end, or nothing for too long. */
  async #receive(count: number, patience: number): Promise<Answers> {
    const statuses: number[] = [];
    const tokens: string[] = [];
    while (statuses.length < count) {
      const read = await this.#readFor(patience);
      if (typeof read === "string") return { statuses, tokens, end: read };
      const all = this.#rest + read.text;
      for (const [, status] of all.matchAll(STATUS_LINE)) {
        // A 1xx promises another.
        if (!status!.startsWith("1")) statuses.push(Number(status));
      }
      for (const [, token] of all.matchAll(TOKEN)) tokens.push(token!);
      this.#rest = all.slice(1 - STATUS_LINE_LENGTH);
    }
    return { statuses, tokens, end: "open" };
  }

  /** What comes next; "open" if nothing does for so long. */
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
