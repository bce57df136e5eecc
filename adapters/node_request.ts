/** The parts of Node's `IncomingMessage` that a visit reads. */
export interface NodeIncoming {
  /** The method. */
  readonly method?: string | undefined;
  /** The path and the query. */
  readonly url?: string | undefined;
  /**
   * The path and the query as the client sent them, if a framework changes `url`.
   */
  readonly originalUrl?: string;
  /** The headers, by their lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The connection. */
  readonly socket: {
    readonly remoteAddress?: string | undefined;
    readonly encrypted?: boolean;
  };
}

/** The parts of Node's `ServerResponse` that a visit reads. */
export interface NodeOutgoing {
  /** Whether the whole response has been handed to the system. */
  readonly writableFinished: boolean;
  /** Calls back when the connection is closed, or the response is sent. */
  once(event: "close", callback: () => void): unknown;
}

/**
 * Returns a request of Node as the `Request` of a visit. Headers and signal are
 * made when they are read; the body stays with Node.
 */
export function requestOfNode(
  incoming: NodeIncoming,
  outgoing: NodeOutgoing,
): Request {
  return new NodeRequest(incoming, outgoing) as unknown as Request;
}

/** Returns the known facts of the connection of a request. */
export function connectionOfNode({ socket }: NodeIncoming): {
  remoteAddr: { transport: string; hostname: string };
} | undefined {
  const hostname = socket.remoteAddress;
  return hostname === undefined
    ? undefined
    : { remoteAddr: { transport: "tcp", hostname } };
}

class NodeRequest {
  readonly #incoming: NodeIncoming;
  readonly #outgoing: NodeOutgoing;
  #headers: NodeHeaders | undefined = undefined;
  #controller: AbortController | undefined = undefined;

  constructor(incoming: NodeIncoming, outgoing: NodeOutgoing) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  get method(): string {
    return this.#incoming.method ?? "GET";
  }

  get url(): string {
    const { headers, socket, originalUrl, url = "/" } = this.#incoming;
    const host = headers["host"] ?? headers[":authority"] ?? "localhost";
    const scheme = socket.encrypted === true ? "https" : "http";
    const target = originalUrl ?? url;
    // A proxy may send a whole URL; Deno shows OPTIONS * as a path too.
    if (/^https?:\/\//i.test(target)) return target;
    return `${scheme}://${host}${target === "*" ? "/*" : target}`;
  }

  get headers(): NodeHeaders {
    return this.#headers ??= new NodeHeaders(this.#incoming.headers);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = this.#controller = new AbortController();
      this.#outgoing.once("close", () => {
        if (!this.#outgoing.writableFinished) controller.abort();
      });
    }
    return this.#controller.signal;
  }
}

/** Reads single headers where Node keeps them. Makes `Headers` only to iterate. */
class NodeHeaders {
  readonly #raw: NodeIncoming["headers"];

  constructor(raw: NodeIncoming["headers"]) {
    this.#raw = raw;
  }

  get(name: string): string | null {
    const value = this.#raw[name.toLowerCase()];
    return Array.isArray(value) ? value.join(", ") : value ?? null;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  *[Symbol.iterator](): Generator<[string, string]> {
    for (const name of Object.keys(this.#raw)) {
      // HTTP/2 has the method and the path among the headers.
      if (!name.startsWith(":")) yield [name, this.get(name)!];
    }
  }
}
