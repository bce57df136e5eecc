/** How connections are cut: they become silent, or they are closed. */
export type Cut = "silence" | "break";

/** A proxy to a port of 127.0.0.1 whose connections can be cut. */
export class Proxy implements AsyncDisposable {
  /** The port at which the proxy listens. */
  readonly port: number;
  readonly #target: number;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #running = new Set<Promise<void>>();
  #cut: Cut | undefined;
  /** Resolves when the connections are restored. */
  #restored: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(target: number) {
    this.#target = target;
    this.#restored.resolve();
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#track(this.#accept());
  }

  /** Cuts the connections. Bytes that are sent into silence arrive after mend(). */
  cut(how: Cut): void {
    if (this.#cut === undefined) this.#restored = Promise.withResolvers();
    this.#cut = how;
    if (how === "break") this.#closeAll();
  }

  /** Restores the connections. */
  mend(): void {
    this.#cut = undefined;
    this.#restored.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.mend();
    this.#listener.close();
    this.#closeAll();
    await Promise.all(this.#running);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      if (this.#cut === "break") client.close();
      else this.#track(this.#connect(client));
    }
  }

  async #connect(client: Deno.TcpConn): Promise<void> {
    this.#connections.add(client);
    try {
      await this.#restored.promise;
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
        await this.#restored.promise;
        for (let sent = 0; sent < length;) {
          sent += await to.write(buffer.subarray(sent, length));
        }
      }
    } catch {
      // The connection was cut, or one end has closed it.
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

  #track(running: Promise<void>): void {
    const tracked = running.catch(() => {}).finally(() =>
      this.#running.delete(tracked)
    );
    this.#running.add(tracked);
  }
}
