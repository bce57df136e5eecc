/**
 * Listening: from an endpoint's description to a server that serves a site.
 *
 * @module
 */

import { LONGEST_DELAY } from "./base/clock.ts";
import { describe } from "./base/describe.ts";
import { countUntaken } from "./http/open_stream.ts";
import {
  type CertificateFiles,
  checkListenOptions,
  type HttpServer,
  type ListenOptions,
  type NetAddress,
  parseEndpoint,
  type TcpListenOptions,
  type UnixAddress,
} from "./program/endpoint.ts";
import {
  countRequests,
  countRunning,
  onceOnSignal,
  RestartingServer,
} from "./program/restarting_server.ts";
import type { Site } from "./site.ts";

export type {
  HttpServer,
  ListenOptions,
  NetAddress,
  TcpListenOptions,
  UnixAddress,
  UnixListenOptions,
} from "./program/endpoint.ts";

/**
 * Milliseconds that clients of streams and sockets have to read the last bytes at a
 * stop, and to answer the closing. That takes a round trip; a client that needs
 * longer is asleep or gone.
 */
const TAKE_LIMIT = 1000;

/** Milliseconds between two checks of these clients. */
const LOOK_EVERY = 20;

/** The servers of each site. The site is closed after its last server has stopped. */
const serversOf = new Map<Site, Set<HttpServer>>();

/** The number of servers that are stopping and whose sites are not closed yet. */
let stopping = 0;

/** Whether a request or a stream was not over before its site was closed. */
let isLate = false;

/**
 * Serves a site on an endpoint, until Ctrl-C, SIGTERM or SIGHUP.
 *
 * Then the server accepts no more connections, closes streams and sockets, lets
 * running requests finish, and closes the site, which ends the sessions that are in
 * no store. The process exits with 0, unless the program has more to do. If a
 * request has not finished after the site's `shutdownTimeout`, the process exits
 * once the site is closed. The client of a stream or a socket has one second to
 * read the last bytes. The process does not wait longer for such clients. A second
 * signal ends the process at once.
 *
 * SIGHUP comes when a terminal closes. The server stops then under `nohup` too;
 * start it by `setsid` or a supervisor to keep it.
 *
 * A site may be served on several endpoints: it is closed once the last of them
 * has stopped. `shutdown()` of a server stops only that server; the site stays
 * open, event streams too, so end those first by `site.stopStreams()`.
 *
 * A server cannot accept connections while the process has reached its limit of
 * open files. Then it closes the connections that have no request, and listens at
 * the same address again after a pause, which grows from 0.1 to 2 seconds. Sessions
 * stay, running requests finish, and the site reports the error once. After 20
 * tries in a row without a request the site reports that too, all served sites are
 * closed, and the process exits with 1. A Unix socket is made again, with the mode
 * that the umask gives.
 *
 * If the check of the store at the start finds that it would lose sessions, the
 * site reports that, the server stops, and the process exits with 1 unless the
 * program has more to do.
 *
 * The endpoint is described as in Twisted's `serverFromString`; a colon, an
 * equals sign or a backslash inside a value has a backslash before it:
 *
 * - `tcp:8080`, `tcp:8080:interface=127.0.0.1`, optionally with `backlog=`. The
 *   default interface is all of IPv4. Port 0 selects a free port.
 * - `ssl:443:cert=cert.pem:key=key.pem`: PEM files, read now
 * - `unix:/run/site.sock`: the file is made now, and deleted when the server
 *   stops. A file that exists already is an error.
 *
 * The options of `Deno.serve` describe an endpoint too. The address is printed to
 * stderr, unless the options have an `onListen`.
 *
 * @param site The site to serve.
 * @param endpoint The address to listen on.
 * @returns the server, once it listens. It stays the same when it listens again.
 * @throws {SyntaxError} If the description is not valid; the message shows where.
 * @throws {TypeError} If the runtime is not Deno, or an option is of the wrong kind
 * or unknown.
 * @throws {RangeError} If an option is out of range.
 * @throws {Error} If the server cannot listen there, or a certificate cannot be
 * read. The class is that of Deno's error, `Deno.errors.AddrInUse` for example.
 * The message names the address or the file.
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
export function listen(site: Site, options: ListenOptions): HttpServer;
/** Serves a site on an endpoint that a text describes; by default `tcp:8080`. */
export function listen(
  site: Site,
  endpoint?: string | ListenOptions,
): HttpServer;
export function listen(
  site: Site,
  endpoint: string | ListenOptions = "tcp:8080",
): HttpServer {
  if (typeof Deno === "undefined") {
    throw new TypeError(
      "Cannot listen: listen() needs Deno; on Node serve the site by serve() of @curfew/web/node, elsewhere by site.fetch",
    );
  }
  const options = typeof endpoint === "string"
    ? readEndpoint(endpoint)
    : checkListenOptions(endpoint);
  let server: HttpServer;
  // Before the address is printed: a supervisor that reads it may send a signal.
  const ignoreSignals = onceOnSignal(() => stop(server, site));
  try {
    const handler = countRequests(site);
    server = new RestartingServer(options as Deno.ServeTcpOptions, handler, {
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
    // Deno checks certificates only now, and the description names their files.
    const place = typeof endpoint === "string" && "cert" in options
      ? describe(endpoint)
      : addressOf(options);
    throw explain(error, `Cannot listen on ${place}`, hintFor(error, options));
  }
  const servers = serversOf.get(site) ?? new Set();
  serversOf.set(site, servers.add(server));
  // The main thread shares its port only with workers that it made.
  if ("DedicatedWorkerGlobalScope" in globalThis) site.listenForSiblings();
  stopIfRefused(server, site);
  server.finished.then(() => {
    forget(server, site);
    ignoreSignals();
  });
  return server;
}

/**
 * Stops the server if the store would lose sessions.
 *
 * Waits a turn first, so that the program can register its callbacks: ends may come
 * as soon as the store has answered.
 */
async function stopIfRefused(server: HttpServer, site: Site): Promise<void> {
  try {
    await undefined;
    await site.ready;
  } catch {
    // The site has reported why.
    Deno.exitCode = 1;
    await stop(server, site);
  }
}

async function stop(server: HttpServer, site: Site): Promise<void> {
  stopping++;
  const began = performance.now();
  site.stopStreams();
  const late = Promise.withResolvers<void>();
  const giveUp = () => {
    isLate = true;
    late.resolve();
  };
  const timer = setTimeout(
    giveUp,
    Math.min(site.shutdownTimeout * 1000, LONGEST_DELAY),
  );
  const areClientsLate = () =>
    countUntaken(site.stopSignal) > 0 && performance.now() - began > TAKE_LIMIT;
  const looks = setInterval(() => {
    if (areClientsLate() && countRunning(site) === 0) giveUp();
  }, LOOK_EVERY);
  await Promise.race([server.shutdown(), late.promise]);
  clearTimeout(timer);
  clearInterval(looks);
  forget(server, site);
  if (!serversOf.has(site)) {
    await site.close();
    // A socket would keep the process until its client answers the closing.
    while (countUntaken(site.stopSignal) > 0) {
      if (areClientsLate()) isLate = true;
      if (isLate) break;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    }
  }
  // The connection of a late request would keep the process alive; only an exit
  // closes it.
  if (--stopping === 0 && isLate) Deno.exit();
}

function forget(server: HttpServer, site: Site): void {
  const servers = serversOf.get(site);
  servers?.delete(server);
  if (servers?.size === 0) serversOf.delete(site);
}

/**
 * Closes every site, so that ends are delivered, and exits with 1: a supervisor
 * can start a process that listens.
 */
async function exitForRestart(): Promise<void> {
  Deno.exitCode = 1;
  const stops = [...serversOf].flatMap(([site, servers]) =>
    [...servers].map((server) => stop(server, site))
  );
  await Promise.all(stops);
  Deno.exit();
}

function readEndpoint(description: string): ListenOptions {
  const endpoint = parseEndpoint(description);
  if (!("certFile" in endpoint)) return endpoint;
  const { certFile, keyFile, ...options }:
    & TcpListenOptions
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

function addressOf(options: ListenOptions | NetAddress | UnixAddress): string {
  const { path, hostname = "0.0.0.0", port = 8000 } = options;
  if (path !== undefined) return path;
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** Returns advice where Deno's message has none, or an empty text. */
function hintFor(error: unknown, options: ListenOptions): string {
  return error instanceof Deno.errors.AddrInUse && "path" in options
    ? "; delete the file if no server listens there any more"
    : "";
}

/** Returns the same error with the failed action, which Deno's message lacks. */
function explain(error: unknown, what: string, hint: string = ""): unknown {
  if (!(error instanceof Error)) return error;
  const Kind = error.constructor as ErrorConstructor;
  return new Kind(`${what}: ${error.message}${hint}`, { cause: error });
}
