/**
 * Listening: from an endpoint's description to a server that serves a site.
 *
 * @module
 */

import { describe } from "./internal/describe.ts";
import { type CertificateFiles, parseEndpoint } from "./internal/endpoint.ts";
import { RestartingServer } from "./internal/restarting_server.ts";
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
const serversOf = new Map<Site, Set<Deno.HttpServer>>();

/** How many servers are being stopped, until their sites are closed. */
let stopping = 0;

/** Whether a request was not answered before its site was closed. */
let isLate = false;

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
 * A server that cannot accept connections any more, because the process has as
 * many open files as it may have, closes the connections that have no request
 * and listens at the same address again, after a pause that grows from 0.1 to 2
 * seconds. Sessions stay, and running requests finish. The site reports that
 * once. After 20 tries in a row without a request the site reports that too, all
 * sites that are served are closed, and the process exits with 1. A Unix socket
 * is made anew, with the mode that the umask gives.
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
 * @returns the server, once it listens. It stays the same when it listens again.
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
    server = new RestartingServer(options as Deno.ServeTcpOptions, site.fetch, {
      onBreakdown: (error, pause) => {
        const what = `Cannot accept connections on ${addressOf(server.addr)}`;
        const hint = `; listening again in ${pause} s`;
        site.reportError(explain(error, what, hint), {});
      },
      onGiveUp: (error) => {
        const what = `Cannot listen on ${addressOf(server.addr)} again`;
        site.reportError(explain(error, what), {});
        exitForRestart();
      },
    });
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
  server.finished.then(() => {
    forget(server, site);
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
  stopping++;
  site.stopStreams();
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => {
      isLate = true;
      late.resolve();
    },
    Math.min(site.shutdownTimeout * 1000, 2 ** 31 - 1),
  );
  await Promise.race([server.shutdown(), late.promise]);
  clearTimeout(timer);
  forget(server, site);
  if (!serversOf.has(site)) await site.close();
  // Its connection would keep the process, and nothing else can close it now.
  if (--stopping === 0 && isLate) Deno.exit();
}

function forget(server: Deno.HttpServer, site: Site): void {
  const servers = serversOf.get(site);
  servers?.delete(server);
  if (servers?.size === 0) serversOf.delete(site);
}

/**
 * Closes every site, so that ends are told, and exits with 1: what supervises
 * the process can start one that listens.
 */
async function exitForRestart(): Promise<void> {
  Deno.exitCode = 1;
  const stops = [...serversOf].flatMap(([site, servers]) =>
    [...servers].map((server) => stop(server, site))
  );
  await Promise.all(stops);
  Deno.exit();
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

function addressOf(options: ListenOptions | Deno.Addr): string {
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
