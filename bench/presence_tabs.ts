/**
 * Tabs of browsers, without the browsers: each is one TCP connection with a stream
 * of events or a WebSocket.
 *
 * @module
 */

import { sleep } from "./stalls.ts";

/** Milliseconds after which a page is open again, at least and at most. */
const AGAIN = [500, 5000] as const;

/** Milliseconds after which a request counts as unanswered. */
const ANSWER_LIMIT = 5000;

/** How a visitor has left for good, and when, in UNIX milliseconds. */
export interface Leaving {
  readonly how: "closed" | "killed" | "logged out";
  readonly at: number;
}

/** The page of one visitor, open at one of the nodes. */
export class Tab {
  readonly principal: string;
  readonly kind: "stream" | "socket";
  /** Undefined while the visitor is here, or the page loads again. */
  left: Leaving | undefined;
  /** Requests that a node did not answer, or with 503. */
  refusals = 0;
  /** Why the page was not opened at the last try. */
  lastError: unknown = undefined;
  /** How often the page was loaded again. */
  reloads = 0;
  /** Undefined while the page is not open. */
  #connection: Deno.TcpConn | undefined;
  #node = 0;
  #cookie = "";
  readonly #origins: readonly (string | undefined)[];
  readonly #mayReturn: boolean;

  /** @param origins The nodes; undefined for one that is down. */
  constructor(index: number, origins: readonly (string | undefined)[]) {
    this.principal = `user-${index}`;
    this.kind = index % 2 === 0 ? "stream" : "socket";
    // Not of the lowest digits, by which the tabs of a node are chosen.
    this.#mayReturn = Math.floor(index / 50) % 2 === 0;
    this.#origins = origins;
  }

  /** Whether the page is open, and the visitor is not leaving. */
  get isOpen(): boolean {
    return this.#connection !== undefined && this.left === undefined;
  }

  /** Logs in at a node, and opens the page; tries again while the store is busy. */
  async begin(node: number): Promise<void> {
    const url = `${this.#origins[node]}/login?as=${this.principal}`;
    while (this.#cookie === "") {
      const response = await fetch(url);
      await response.body?.cancel();
      const [cookie] = response.headers.getSetCookie();
      if (cookie === undefined) await this.#waitRefused();
      else this.#cookie = cookie.split(";")[0]!;
    }
    await this.#openAt(() => node);
  }

  /** Closes the page for good. */
  leave(how: Leaving["how"] = "closed"): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.left = { how, at: Date.now() };
    close(connection);
  }

  /** Closes the page, and opens it again a little later, at any node. */
  async reload(): Promise<void> {
    close(this.#connection);
    this.#connection = undefined;
    this.reloads++;
    const [least, most] = AGAIN;
    await sleep(least + Math.random() * (most - least));
    await this.#openAt(() => Math.floor(Math.random() * this.#origins.length));
  }

  /** Ends the session; the site closes the page. Or its node dies meanwhile. */
  async logOut(): Promise<void> {
    this.left = { how: "logged out", at: Date.now() };
    const headers = { cookie: this.#cookie };
    const url = `${this.#origins[this.#node]}/logout`;
    try {
      const signal = AbortSignal.timeout(ANSWER_LIMIT);
      const response = await fetch(url, { headers, signal });
      await response.body?.cancel();
      if (response.ok) return;
    } catch {
      // The node has died.
    }
    this.leave("killed");
  }

  async #openAt(choose: () => number): Promise<void> {
    for (;;) {
      try {
        return await this.#open(choose());
      } catch (error) {
        // The node is down, or the store is busy.
        this.lastError = error;
        await this.#waitRefused();
      }
    }
  }

  async #waitRefused(): Promise<void> {
    this.refusals++;
    await sleep(300);
  }

  async #open(node: number): Promise<void> {
    const { hostname, port } = new URL(this.#origins[node] ?? "");
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const head = [
      `GET /${this.kind} HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      `Cookie: ${this.#cookie}`,
      ...this.kind === "stream" ? [] : [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      ],
    ];
    const bytes = new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`);
    const answer = new Uint8Array(1024);
    let status = "nothing";
    const timer = setTimeout(() => connection.close(), ANSWER_LIMIT);
    try {
      await connection.write(bytes);
      const length = await connection.read(answer);
      if (length !== null) status = textOf(answer.subarray(9, 12));
    } catch (error) {
      status = `${error}`;
    }
    clearTimeout(timer);
    if (status !== "200" && status !== "101") {
      close(connection);
      throw new Error(`The page was not opened: ${status}`);
    }
    this.#node = node;
    this.#connection = connection;
    this.#watch(connection);
  }

  /** Reads what comes, until the page is closed, here or by the death of the node. */
  async #watch(connection: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(1024);
    try {
      while (await connection.read(buffer) !== null);
    } catch {
      // It is closed, or its node has died.
    }
    if (this.#connection !== connection) return;
    if (this.left === undefined && this.#mayReturn) return await this.reload();
    const how = this.left?.how ?? "killed";
    const at = this.left?.at ?? Date.now();
    this.leave();
    this.left = { how, at };
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function close(connection: Deno.TcpConn | undefined): void {
  try {
    connection?.close();
  } catch {
    // It is closed already.
  }
}
