/**
 * Listening: from an endpoint's description to a server that serves a site.
 *
 * @module
 */

import { describe } from "./internal/describe.ts";
import { type CertificateFiles, parseEndpoint } from "./internal/endpoint.ts";
import type { Site } from "./site.ts";

/** What `Deno.serve` takes to listen somewhere. */
export type ListenOptions =
  | Deno.ServeTcpOptions
  | (Deno.ServeTcpOptions & Deno.TlsCertifiedKeyPem)
  | Deno.ServeUnixOptions;

/** The signals that ask a server to stop; Windows has no SIGTERM. */
const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

/** The servers of each site: it is closed when the last of them has stopped. */
const serversOf = new WeakMap<Site, Set<Deno.HttpServer>>();

/** Those with a request that was not answered in time. */
const lateSites = new WeakSet<Site>();

/**
 * Serves a site on an endpoint, until Ctrl-C or SIGTERM.
 *
 * Then it takes no more connections, ends streams and sockets, lets running
 * requests finish, and closes the site, which ends the sessions: the process
 * exits with 0, unless the program has more to do. If a request has not finished
 * after the site's `shutdownTimeout`, the process exits all the same, once the
 * site is closed. A second signal ends it at once.
 *
 * A site may be served on several endpoints: it is closed once the last of them
 * has stopped. `shutdown()` of a server stops only that server; the site stays
 * open, event streams too, so end those first by `site.stopStreams()`.
 *
 * If the site's store would lose sessions, as it says when it is asked at the
 * start, the site reports that, the server stops again, and the process exits
 * with 1 unless the program has more to do.
 *
 * The endpoint is described as in Twisted's `serverFromString`; a colon, an
 * equals sign or a backslash inside a value has a backslash before it:
 *
 * - `tcp:8080`, `tcp:8080:interface=127.0.0.1`, with `backlog=` if need be;
 *   without an interface on all of IPv4, on port 0 on one that is free
 * - `ssl:443:cert=cert.pem:key=key.pem`: PEM files, read now
 * - `unix:/run/site.sock`: the file is made now and deleted when the server
 *   stops; one that is there already is an error
 *
 * or by the options of `Deno.serve`. Where it listens is printed to stderr,
 * unless the options have an `onListen`.
 *
 * @param site What to serve.
 * @param endpoint Where.
 * @returns the server, once it listens.
 * @throws {SyntaxError} If the description is none; it says where.
 * @throws {Error} If it cannot listen there or a certificate cannot be read, of
 * the class that Deno throws, `Deno.errors.AddrInUse` for example; it names the
 * address or the file.
 *
 * @example Usage
 * ```ts ignore
 * import { listen, Resource, Site } from "@curfew/web";
 *
 * const site = new Site(new Resource());
 * listen(site, "tcp:8080:interface=127.0.0.1");
 * listen(site, "unix:/run/site.sock");
 * ```
 */
export function listen(
  site: Site,
  endpoint: string | ListenOptions = "tcp:8080",
): Deno.HttpServer<Deno.Addr> {
  const options = typeof endpoint === "string"
    ? readEndpoint(endpoint)
    : endpoint;
  let server: Deno.HttpServer<Deno.Addr>;
  // Before it says that it listens: whoever reads that may send a signal.
  const ignoreSignals = onceOnSignal(() => stop(server, site));
  try {
    server = Deno.serve(options as Deno.ServeTcpOptions, site.fetch);
  } catch (error) {
    ignoreSignals();
    // What is wrong with a certificate is known only now: the description names
    // the files.
    const place = typeof endpoint === "string" && "cert" in options
      ? describe(endpoint)
      : addressOf(options);
    throw explain(error, `Cannot listen on ${place}`, hintFor(error, options));
  }
  const servers = serversOf.get(site) ?? new Set();
  serversOf.set(site, servers.add(server));
  // The main thread has no siblings that share its port unless it made them.
  if (isWorker()) site.listenForSiblings();
  stopIfRefused(server, site);
  server.finished.finally(() => {
    servers.delete(server);
    ignoreSignals();
  });
  return server;
}

/**
 * Stops if the store would lose sessions. Not before the program has said who is
 * to be told of ends: they may come as soon as the store has been asked.
 */
async function stopIfRefused(
  server: Deno.HttpServer,
  site: Site,
): Promise<void> {
  try {
    await undefined;
    await site.ready;
  } catch {
    // The site has reported why.
    Deno.exitCode = 1;
    await stop(server, site);
  }
}

function isWorker(): boolean {
  return "DedicatedWorkerGlobalScope" in globalThis;
}

async function stop(server: Deno.HttpServer, site: Site): Promise<void> {
  site.stopStreams();
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => {
      lateSites.add(site);
      late.resolve();
    },
    Math.min(site.shutdownTimeout * 1000, 2 ** 31 - 1),
  );
  await Promise.race([server.shutdown(), late.promise]);
  clearTimeout(timer);
  const servers = serversOf.get(site);
  servers?.delete(server);
  if (servers?.size !== 0) return;
  await site.close();
  // Its connection would keep the process, and nothing else can close it now.
  if (lateSites.has(site)) Deno.exit();
}

/**
 * Calls back at the first signal to stop; the next does what it does by itself.
 *
 * @returns a function that gives it up.
 */
function onceOnSignal(callback: () => void): () => void {
  const listener = () => {
    ignore();
    callback();
  };
  const ignore = () => {
    for (const signal of STOP_SIGNALS) {
      Deno.removeSignalListener(signal, listener);
    }
  };
  for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, listener);
  return ignore;
}

function readEndpoint(description: string): ListenOptions {
  const endpoint = parseEndpoint(description);
  if (!("certFile" in endpoint)) return endpoint;
  const { certFile, keyFile, ...options }:
    & Deno.ServeTcpOptions
    & CertificateFiles = endpoint;
  const read = (name: string, file: string): string => {
    try {
      return Deno.readTextFileSync(file);
    } catch (error) {
      throw explain(
        error,
        `Cannot listen on ${describe(description)}: cannot read ${name}`,
      );
    }
  };
  return {
    ...options,
    cert: read("cert", certFile),
    key: read("key", keyFile),
  };
}

function addressOf(options: ListenOptions): string {
  if ("path" in options) return options.path;
  const { hostname = "0.0.0.0", port = 8000 } = options as Deno.ServeTcpOptions;
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** What to do about it, where Deno's message does not say. */
function hintFor(error: unknown, options: ListenOptions): string {
  return error instanceof Deno.errors.AddrInUse && "path" in options
    ? "; delete the file if no server listens there any more"
    : "";
}

/** The same error, saying what could not be done; Deno's says only why. */
function explain(error: unknown, what: string, hint: string = ""): unknown {
  if (!(error instanceof Error)) return error;
  const Kind = error.constructor as ErrorConstructor;
  return new Kind(`${what}: ${error.message}${hint}`, { cause: error });
}
