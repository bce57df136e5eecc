/**
 * Serves a site on Node, as `listen()` does on Deno.
 *
 * @module
 */

import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { toNodeHandler } from "srvx/node";
import { LONGEST_DELAY } from "../base/clock.ts";
import {
  checkOptions,
  FUNCTION,
  numberThat,
  type OptionRules,
  STRING,
} from "../base/options.ts";
import type { ConnectionInfo } from "../sessions.ts";
import { NodeUpgrades } from "./node_upgrade.ts";
import { connectionOfNode, type NodeIncoming } from "./node_request.ts";

/** The parts of a site that are served. `Site` fits. */
export interface ServedSite {
  /** Answers a request. */
  readonly fetch: (
    request: Request,
    info?: ConnectionInfo,
  ) => Response | Promise<Response>;
  /** Seconds that a stop waits for running requests. */
  readonly shutdownTimeout?: number;
  /** Ends the streams of events. */
  stopStreams?(): void;
  /** Closes the site, which ends its sessions. */
  close(): Promise<void>;
  /** Receives the error if the server fails. */
  reportError?(error: unknown, context: object): void;
}

/** The options of {@linkcode serve}. */
export interface ServeOptions {
  /**
   * The port, from 0 to 65535; 0 selects a free one.
   *
   * @default {8080}
   */
  port?: number;
  /**
   * The IP address or host name to listen on; by default all addresses.
   *
   * @default {undefined}
   */
  hostname?: string;
  /** Called when the server listens, in place of printing the address. */
  onListen?: (address: { hostname: string; port: number }) => void;
}

/** A server on Node. */
export interface NodeServer extends AsyncDisposable {
  /**
   * Resolves with the address when the server listens. Rejects if it cannot, for
   * example because the port is taken. If the program does not handle that, it
   * ends with the error.
   */
  readonly ready: Promise<{ hostname: string; port: number }>;
  /**
   * Resolves when the server has stopped and the site is closed. Rejects if the
   * server cannot listen.
   */
  readonly finished: Promise<void>;
  /** Stops as a signal does, and resolves when the site is closed. */
  shutdown(): Promise<void>;
}

const RULES: OptionRules<ServeOptions> = {
  port: numberThat(
    "a port from 0 to 65535",
    (value) => Number.isInteger(value) && value >= 0 && value < 65536,
  ),
  hostname: STRING,
  onListen: FUNCTION,
};

/**
 * Serves a site over `node:http`, until Ctrl-C, SIGTERM or SIGHUP.
 *
 * Then the server accepts no more connections, ends streams, lets running requests
 * finish, and closes the site, which ends the sessions. After the site's
 * `shutdownTimeout` the remaining connections are closed. A second signal ends the
 * process at once.
 *
 * The address is printed to stderr, unless the options have an `onListen`.
 *
 * @param site The site.
 * @param options Where to listen.
 * @throws {TypeError} If an option is of a wrong kind or unknown.
 * @throws {RangeError} If the port is not from 0 to 65535.
 *
 * @example Usage
 * ```ts ignore
 * import { Resource, Site } from "@curfew/web";
 * import { serve } from "@curfew/web/node";
 *
 * serve(new Site(new Resource()), { port: 8080 });
 * ```
 */
export function serve(
  site: ServedSite,
  options: ServeOptions = {},
): NodeServer {
  checkOptions("serve a site", options, RULES);
  return new Serving(site, options);
}

class Serving implements NodeServer {
  readonly ready: Promise<{ hostname: string; port: number }>;
  readonly finished: Promise<void>;
  readonly #site: ServedSite;
  readonly #server: Server;
  readonly #finish = Promise.withResolvers<void>();
  #stopping: Promise<void> | undefined = undefined;
  readonly #onSignal = (): void => void this.shutdown();

  constructor(site: ServedSite, options: ServeOptions) {
    this.#site = site;
    this.finished = this.#finish.promise;
    // The rejection of `ready` is the one that ends the process.
    this.finished.catch(() => {});
    const handler = toNodeHandler((request) =>
      site.fetch(request, connectionOf(request))
    );
    this.#server = createServer(handler as RequestListener);
    const upgrades = new NodeUpgrades((request, info) =>
      site.fetch(request, info)
    );
    this.#server.on("upgrade", (incoming, stream, head) => {
      upgrades.handle(incoming, stream, head).catch((error) => {
        site.reportError?.(error, {});
        stream.destroy();
      });
    });
    for (const signal of SIGNALS) process.once(signal, this.#onSignal);
    this.ready = this.#listen(options).catch((error) => {
      this.#forgetSignals();
      this.#finish.reject(error);
      throw error;
    });
  }

  shutdown(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  #listen(
    { port = 8080, hostname, onListen }: ServeOptions,
  ): Promise<{ hostname: string; port: number }> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, hostname, () => {
        this.#server.off("error", reject);
        this.#server.on(
          "error",
          (error) => this.#site.reportError?.(error, {}),
        );
        const { address, port } = this.#server.address() as AddressInfo;
        resolve({ hostname: address, port });
        if (onListen !== undefined) onListen({ hostname: address, port });
        else console.error(`Listening on http://${nameOf(address)}:${port}/`);
      });
    });
  }

  async #stop(): Promise<void> {
    this.#forgetSignals();
    const { shutdownTimeout = 10 } = this.#site;
    this.#site.stopStreams?.();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const late = setTimeout(
      () => this.#server.closeAllConnections(),
      Math.min(shutdownTimeout * 1000, LONGEST_DELAY),
    );
    await closed;
    clearTimeout(late);
    await this.#site.close();
    this.#finish.resolve();
  }

  #forgetSignals(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }
}

/** The signals that ask a server to stop. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Returns an address as a browser can open it in a URL. */
function nameOf(address: string): string {
  if (address === "::" || address === "0.0.0.0") return "localhost";
  return address.includes(":") ? `[${address}]` : address;
}

/** Returns the connection of a request, as srvx describes it. */
function connectionOf(request: Request): ConnectionInfo | undefined {
  const { runtime } = request as {
    runtime?: { node?: { req: NodeIncoming } };
  };
  const incoming = runtime?.node?.req;
  return incoming === undefined ? undefined : connectionOfNode(incoming);
}
