/**
 * The attackers of one kind: `deno run attackers.ts KIND PORT DELAY`. They begin
 * after some seconds, and go on until the process is killed.
 *
 * @module
 */

import { connect } from "node:http2";

/** The kinds of attackers. */
export const KINDS = [
  "idle connections",
  "slow headers",
  "slow bodies",
  "form bombs",
  "streams",
] as const;

/** A kind of attackers. */
export type Kind = typeof KINDS[number];

/** Connections that send nothing: far more than the server may have open. */
const IDLE = 8000;

/** Clients that send a byte a second. */
const SLOW = 500;

/** Posts of 10 MiB at once. */
const BOMBS = 3;

/** Streams of events, and how many of them share an HTTP/2 connection. */
const STREAMS = 20_000;
const STREAMS_EACH = 180;

const encode = (text: string) => new TextEncoder().encode(text);

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Keeps a number of connections, each of which does the same. */
function keep(
  count: number,
  port: number,
  act: (connection: Deno.Conn) => Promise<void>,
): void {
  for (let index = 0; index < count; index++) {
    void (async () => {
      // Not all at the same moment.
      await sleep(index / count * 5000);
      for (;;) {
        try {
          using connection = await Deno.connect({
            hostname: "127.0.0.1",
            port,
          });
          await act(connection);
        } catch {
          // The server has closed it, or takes none at present.
        }
        await sleep(1000);
      }
    })();
  }
}

/** Waits until the server closes a connection. */
async function untilClosed(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(1024);
  while (await connection.read(buffer) !== null);
}

/** Sends a head, and then a byte a second. */
async function dribble(
  connection: Deno.Conn,
  head: string,
  byte: string,
): Promise<void> {
  await connection.write(encode(head));
  for (;;) {
    await sleep(1000);
    await connection.write(encode(byte));
  }
}

async function bomb(port: number): Promise<never> {
  const body = encode("a&".repeat(5 * 2 ** 20));
  for (;;) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/form`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body,
      });
      await response.body?.cancel();
    } catch {
      await sleep(100);
    }
  }
}

/** Keeps an HTTP/2 connection full of streams. */
async function stream(port: number, count: number): Promise<never> {
  for (;;) {
    const client = connect(`http://127.0.0.1:${port}`);
    const closed = Promise.withResolvers<void>();
    client.on("error", () => {});
    client.on("close", () => closed.resolve());
    try {
      for (let index = 0; index < count; index++) {
        const events = client.request({ ":path": "/events" });
        events.on("error", () => {});
        events.resume();
        // All of them are open after ten seconds.
        if (index % 10 === 9) await sleep(500);
      }
    } catch {
      // A server that has run out of open files lets no more streams begin.
    }
    await closed.promise;
    await sleep(1000);
  }
}

const ATTACKS: Record<Kind, (port: number) => void> = {
  "idle connections": (port) => keep(IDLE, port, untilClosed),
  "slow headers": (port) =>
    keep(
      SLOW,
      port,
      (connection) => dribble(connection, "GET / HTTP/1.1\r\nHost: ", "a"),
    ),
  "slow bodies": (port) =>
    keep(SLOW, port, (connection) =>
      dribble(
        connection,
        "POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n" +
          "Content-Type: application/x-www-form-urlencoded\r\n\r\n",
        "a",
      )),
  "form bombs": (port) => {
    for (let count = 0; count < BOMBS; count++) void bomb(port);
  },
  "streams": (port) => {
    for (let left = STREAMS; left > 0; left -= STREAMS_EACH) {
      void stream(port, Math.min(left, STREAMS_EACH));
    }
  },
};

if (import.meta.main) {
  const [kind, port, delay] = Deno.args;
  await sleep(Number(delay) * 1000);
  ATTACKS[kind as Kind](Number(port));
}
