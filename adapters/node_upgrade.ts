import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "npm:ws@^8.23.0";
import { offerUpgrade } from "../live/sockets.ts";
import type { ConnectionInfo } from "../sessions.ts";
import { connectionOfNode, type NodeIncoming } from "./node_request.ts";
import { UpgradedSocket, type WsSocket } from "./upgraded_socket.ts";

/** The parts of the server of `ws` that are used here. */
interface WsServer {
  handleUpgrade(
    incoming: IncomingMessage,
    stream: Duplex,
    head: Uint8Array,
    callback: (socket: WsSocket) => void,
  ): void;
  on(
    event: "headers",
    callback: (headers: string[], incoming: IncomingMessage) => void,
  ): void;
}

/** Answers a request. */
type Fetch = (
  request: Request,
  info?: ConnectionInfo,
) => Response | Promise<Response>;

/** An upgrade that waits for its response. */
interface Waiting {
  readonly socket: UpgradedSocket;
  readonly response: Response;
  readonly idleTimeout: number;
  readonly protocol: string | undefined;
}

/** Passes the WebSockets of a server of Node to a site. */
export class NodeUpgrades {
  readonly #fetch: Fetch;
  readonly #waiting = new WeakMap<IncomingMessage, Waiting>();
  readonly #server: WsServer;

  constructor(fetch: Fetch) {
    this.#fetch = fetch;
    this.#server = new WebSocketServer({
      noServer: true,
      handleProtocols: (_: unknown, incoming: IncomingMessage) =>
        this.#waiting.get(incoming)?.protocol ?? false,
    }) as WsServer;
    this.#server.on("headers", (lines, incoming) => {
      const response = this.#waiting.get(incoming)?.response;
      for (const [name, value] of response?.headers ?? []) {
        lines.push(`${name}: ${value}`);
      }
    });
  }

  /** Handles the "upgrade" event of a server. */
  async handle(
    incoming: IncomingMessage,
    stream: Duplex,
    head: Uint8Array,
  ): Promise<void> {
    const request = requestOf(incoming);
    offerUpgrade(request, (_, { protocol, idleTimeout = 0 }) => {
      const socket = new UpgradedSocket(request.url);
      // No runtime but Deno makes a Response of status 101.
      const response = new Response(null);
      Object.defineProperty(response, "status", { value: 101 });
      this.#waiting.set(incoming, { socket, response, idleTimeout, protocol });
      return { socket: socket as unknown as WebSocket, response };
    });
    stream.on("error", () => stream.destroy());
    const info = connectionOfNode(incoming as unknown as NodeIncoming);
    const response = await this.#fetch(request, info);
    const waiting = this.#waiting.get(incoming);
    if (waiting?.response !== response) {
      waiting?.socket.fail();
      return await refuse(stream, response);
    }
    if (stream.destroyed) return waiting.socket.fail();
    this.#server.handleUpgrade(incoming, stream, head, (socket) => {
      waiting.socket.attach(socket, waiting.idleTimeout);
    });
  }
}

function requestOf(incoming: IncomingMessage): Request {
  const { headers, url = "/", socket } = incoming;
  const scheme = "encrypted" in socket ? "https" : "http";
  const copied = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const each of [value ?? []].flat()) copied.append(name, each);
  }
  return new Request(`${scheme}://${headers.host ?? "localhost"}${url}`, {
    headers: copied,
  });
}

/** Sends the response of a request that is not upgraded. */
async function refuse(stream: Duplex, response: Response): Promise<void> {
  const { status, headers } = response;
  const body = new Uint8Array(await response.arrayBuffer());
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...[...headers].map(([name, value]) => `${name}: ${value}`),
    `content-length: ${body.length}`,
    "connection: close",
  ];
  stream.write(`${lines.join("\r\n")}\r\n\r\n`);
  stream.end(body);
}
