/**
 * Listening: from an endpoint's description to a server that serves a site.
 *
 * @module
 */

import { type ListenOptions, parseEndpoint } from "./internal/endpoint.ts";
import type { Site } from "./site.ts";

export type { ListenOptions };

/** The signals that ask a server to stop; Windows has no SIGTERM. */
const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

/** The servers of each site: it is closed when the last of them has stopped. */
const serversOf = new WeakMap<Site, Set<Deno.HttpServer>>();

/**
 * Serves a site on an endpoint, until Ctrl-C or SIGTERM.
 *
 * Then it takes no more connections, ends streams of events, lets running
 * requests finish, and closes the site, which ends the sessions: the process
 * exits with 0. A second signal ends the process at once. `shutdown()` of the
 * server stops only that server.
 *
 * The endpoint is described as in Twisted's `serverFromString`; a colon, an
 * equals sign or a backslash inside a value has a backslash before it:
 *
 * - `tcp:8080`, `tcp:8080:interface=127.0.0.1`, with `backlog=` if need be
 * - `ssl:443:cert=cert.pem:key=key.pem`: PEM files, read now
 * - `unix:/run/site.sock`
 *
 * or by the options of `Deno.serve`.
 *
 * @param site What to serve.
 * @param endpoint Where.
 * @returns the server, once it listens.
 * @throws {SyntaxError} If the description is none; it says where.
 * @throws {Error} If it cannot listen there, of the class that Deno throws,
 * `Deno.errors.AddrInUse` for example; it names the endpoint.
 *
 * @example Usage
 * ```ts no-eval
 * import { listen, Resource, Site } from "@curfew/web";
 *
 * listen(new Site(new Resource()), "tcp:8080:interface=127.0.0.1");
 * ```
 */
export function listen(
  site: Site,
  endpoint: string | ListenOptions = "tcp:8080",
): Deno.HttpServer<Deno.Addr> {
  const options = typeof endpoint === "string"
    ? parseEndpoint(endpoint)
    : endpoint;
  let server: Deno.HttpServer<Deno.Addr>;
  try {
    server = Deno.serve(options as Deno.ServeTcpOptions, site.fetch);
  } catch (error) {
    throw withAddress(error, addressOf(options));
  }
  stopOnSignal(server, site);
  return server;
}

function stopOnSignal(server: Deno.HttpServer<Deno.Addr>, site: Site): void {
  const servers = serversOf.get(site) ?? new Set();
  serversOf.set(site, servers.add(server));
  const stop = async () => {
    ignore();
    site.stopStreams();
    await server.shutdown();
    if (servers.size === 0) await site.close();
  };
  const ignore = () => {
    for (const signal of STOP_SIGNALS) Deno.removeSignalListener(signal, stop);
  };
  for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, stop);
  server.finished.finally(() => {
    servers.delete(server);
    ignore();
  });
}

function addressOf(options: ListenOptions): string {
  if ("path" in options) return options.path;
  const { hostname = "0.0.0.0", port = 8000 } = options as Deno.ServeTcpOptions;
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** The same error, saying where; Deno's says only what. */
function withAddress(error: unknown, address: string): unknown {
  if (!(error instanceof Error)) return error;
  const Kind = error.constructor as ErrorConstructor;
  return new Kind(`Cannot listen on ${address}: ${error.message}`, {
    cause: error,
  });
}
