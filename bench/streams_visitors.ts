// The visitors of bench/streams.ts, in a worker: each opens a stream of events,
// and notes when it is over.

/// <reference lib="deno.worker" />

import type { Closings } from "./streams.ts";

/** How many connections are opened at a time: a backlog holds so many. */
const AT_A_TIME = 64;

/** One visitor, by a connection of its own: fetch() has costs of its own. */
class Visitor {
  /** The session, once the stream has said whose it is. */
  uid: string = "";
  /** When the answer was over, in UNIX milliseconds. */
  closedAt: number | undefined = undefined;
  readonly #connection: Deno.Conn;
  #text = "";

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** Opens the stream, and reads it until it says whose it is. */
  async open(port: number): Promise<void> {
    const request =
      `GET / HTTP/1.1\r\nHost: localhost:${port}\r\nAccept: text/event-stream\r\n\r\n`;
    await this.#connection.write(new TextEncoder().encode(request));
    while (this.uid === "") {
      if (!await this.#read()) throw new Error("The server hung up");
      [this.uid = ""] = /(?<=data: )[0-9a-f]{32}/.exec(this.#text) ?? [];
    }
  }

  /** Reads until the last chunk, which is empty. */
  async close(): Promise<void> {
    while (!this.#text.endsWith("\r\n0\r\n\r\n")) {
      if (!await this.#read()) return;
    }
    this.closedAt = Date.now();
  }

  leave(): void {
    this.#connection.close();
  }

  async #read(): Promise<boolean> {
    const bytes = new Uint8Array(1024);
    const count = await this.#connection.read(bytes).catch(() => null);
    if (count === null) return false;
    this.#text += new TextDecoder().decode(bytes.subarray(0, count));
    return true;
  }
}

const visitors: Visitor[] = [];
let over: Promise<unknown> = Promise.resolve();

async function open(port: number, count: number): Promise<void> {
  while (visitors.length < count) {
    const batch = await Promise.all(
      Array.from(
        { length: Math.min(AT_A_TIME, count - visitors.length) },
        async () => {
          const visitor = new Visitor(
            await Deno.connect({ hostname: "127.0.0.1", port }),
          );
          await visitor.open(port);
          return visitor;
        },
      ),
    );
    visitors.push(...batch);
  }
  over = Promise.all(visitors.map((visitor) => visitor.close()));
}

async function report(until: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, until - Date.now());
  await Promise.race([over, promise]);
  clearTimeout(timer);
  const closings: Closings = visitors.flatMap(({ uid, closedAt }) =>
    closedAt === undefined ? [] : [[uid, closedAt] as const]
  );
  for (const visitor of visitors) visitor.leave();
  self.postMessage(closings);
}

self.onmessage = async ({ data }) => {
  if ("until" in data) return await report(data.until);
  await open(data.port, data.count);
  self.postMessage(undefined);
};
