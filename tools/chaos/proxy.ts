/** How a line is cut: it falls silent, or its connections break. */
export type Cut = "silence" | "break";

/** Connections to a port of 127.0.0.1, which can be cut. */
export class Proxy implements AsyncDisposable {
  /** Where it listens. */
  readonly port: number;
  readonly #target: number;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #work = new Set<Promise<void>>();
  #cut: Cut | undefined;
  /** Resolves when the line is whole. */
  #whole: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(target: number) {
    this.#target = target;
    this.#whole.resolve();
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#mind(this.#accept());
  }

  /** Nothing passes any more; what has been sent into silence arrives later. */
  cut(how: Cut): void {
    if (this.#cut === undefined) this.#whole = Promise.withResolvers();
    this.#cut = how;
    if (how === "break") this.#closeAll();
  }

  /** The line is whole again. */
  mend(): void {
    this.#cut = undefined;
    this.#whole.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.mend();
    this.#listener.close();
    this.#closeAll();
    await Promise.all(this.#work);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      if (this.#cut === "break") client.close();
      else this.#mind(this.#connect(client));
    }
  }

  async #connect(client: Deno.TcpConn): Promise<void> {
    this.#connections.add(client);
    try {
      await this.#whole.promise;
      const server = await Deno.connect({
        hostname: "127.0.0.1",
        port: this.#target,
      });
      client.setNoDelay(true);
      server.setNoDelay(true);
      this.#connections.add(server);
      await Promise.all([
        this.#pass(client, server),
        this.#pass(server, client),
      ]);
    } catch {
      this.#close(client);
    }
  }

  async #pass(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(65536);
    try {
      for (;;) {
        const length = await from.read(buffer);
        if (length === null) break;
        await this.#whole.promise;
        for (let sent = 0; sent < length;) {
          sent += await to.write(buffer.subarray(sent, length));
        }
      }
    } catch {
      // It was cut, or one of them has gone.
    }
    this.#close(from);
    this.#close(to);
  }

  #closeAll(): void {
    for (const connection of this.#connections) this.#close(connection);
  }

  #close(connection: Deno.TcpConn): void {
    if (this.#connections.delete(connection)) connection.close();
  }

  #mind(work: Promise<void>): void {
    const minded = work.catch(() => {}).finally(() =>
      this.#work.delete(minded)
    );
    this.#work.add(minded);
  }
}
