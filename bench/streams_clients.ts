// The clients of bench/streams.ts, in a worker. Each opens a stream of events, and
// records its end.

/// <reference lib="deno.worker" />

import type { Closings } from "./streams.ts";

/** Connections to open at the same time, which a backlog can hold. */
const AT_A_TIME = 64;

/** A client on a bare connection, since fetch() would add its own cost. */
class Client {
  /** The uid of the session, from the first event. */
  uid: string = "";
  /** The end of the response, in UNIX milliseconds. */
  closedAt: number | undefined = undefined;
  readonly #connection: Deno.Conn;
  #text = "";

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** Opens the stream, and reads the uid. */
  async open(port: number): Promise<void> {
    const request =
      `GET / HTTP/1.1\r\nHost: localhost:${port}\r\nAccept: text/event-stream\r\n\r\n`;
    await this.#connection.write(new TextEncoder().encode(request));
    while (this.uid === "") {
      if (!await this.#read()) {
        throw new Error("The server closed the connection");
      }
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

const clients: Client[] = [];
let over: Promise<unknown> = Promise.resolve();

async function open(port: number, count: number): Promise<void> {
  while (clients.length < count) {
    const batch = await Promise.all(
      Array.from(
        { length: Math.min(AT_A_TIME, count - clients.length) },
        async () => {
          const client = new Client(
            await Deno.connect({ hostname: "127.0.0.1", port }),
          );
          await client.open(port);
          return client;
        },
      ),
    );
    clients.push(...batch);
  }
  over = Promise.all(clients.map((client) => client.close()));
}

async function report(until: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, until - Date.now());
  await Promise.race([over, promise]);
  clearTimeout(timer);
  const closings: Closings = clients.flatMap(({ uid, closedAt }) =>
    closedAt === undefined ? [] : [[uid, closedAt] as const]
  );
  for (const client of clients) client.leave();
  self.postMessage(closings);
}

self.onmessage = async ({ data }) => {
  if ("until" in data) return await report(data.until);
  await open(data.port, data.count);
  self.postMessage(undefined);
};
