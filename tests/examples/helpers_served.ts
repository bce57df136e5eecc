/**
 * What the tests of the applications in examples/ share.
 *
 * @module
 */

import type { Site } from "../../mod.ts";

/** A site on a port of its own, until it is disposed of. */
export class Served implements AsyncDisposable {
  readonly site: Site;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(site: Site) {
    this.site = site;
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      // Browsers ask for the icon by themselves, and complain if there is none.
      (request, info) =>
        request.url.endsWith("/favicon.ico")
          ? new Response(null, { status: 204 })
          : site.fetch(request, info),
    );
  }

  /** The URL of a path. */
  url(path: string): string {
    return `http://127.0.0.1:${this.#server.addr.port}${path}`;
  }

  /** Ends what a test has left, and stops the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.site.sessions.values()) session.expire();
    await this.#server.shutdown();
  }
}

/** A client with the cookies of one site, over sockets. */
export class Client {
  readonly #served: Served;
  #cookie = "";

  constructor(served: Served) {
    this.#served = served;
  }

  /** Sends a request; redirects are not followed. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("cookie", this.#cookie);
    const response = await fetch(this.#served.url(path), {
      redirect: "manual",
      ...init,
      headers,
    });
    for (const line of response.headers.getSetCookie()) {
      this.#cookie = line.split(";", 1)[0]!;
    }
    return response;
  }

  /** Sends a request, and returns the body as text. */
  async text(path: string, init?: RequestInit): Promise<string> {
    return await (await this.fetch(path, init)).text();
  }
}
