import { Resource, Site, type SiteRequest } from "@curfew/web";
import { serve } from "@curfew/web/node";
import { equal, ok, test } from "./suite.ts";

/** Echoes what its client sends, for as long as the session lasts. */
class Echo extends Resource {
  override render_GET(request: SiteRequest): Response {
    const { socket, response } = request.getSession().socket(request);
    socket.addEventListener("message", ({ data }) => {
      if (data instanceof Blob) {
        data.bytes().then((bytes) => socket.send(bytes));
      } else if (data === "throw") throw new Error("broken");
      else socket.send(`echo ${data}`);
    });
    return response;
  }
}

/** Resolves with the next event of a type. */
function next<E extends Event>(socket: WebSocket, type: string): Promise<E> {
  return new Promise((resolve) => {
    socket.addEventListener(type, (event) => resolve(event as E), {
      once: true,
    });
  });
}

/** Serves the echo on Node's server, and runs a test with its address. */
async function withEcho(
  run: (address: string, site: Site, errors: unknown[]) => Promise<void>,
): Promise<void> {
  const errors: unknown[] = [];
  const site = new Site(new Resource().putChild("echo", new Echo()), {
    onError: (error) => void errors.push(error),
  });
  const server = serve(site, {
    port: 0,
    hostname: "127.0.0.1",
    onListen: () => {},
  });
  const { port } = await server.ready;
  try {
    await run(`127.0.0.1:${port}`, site, errors);
  } finally {
    await server.shutdown();
  }
}

test("serve() opens sockets, which carry texts and bytes", () =>
  withEcho(async (address) => {
    const socket = new WebSocket(`ws://${address}/echo`);
    socket.binaryType = "arraybuffer";
    await next(socket, "open");
    socket.send("hello");
    equal((await next<MessageEvent>(socket, "message")).data, "echo hello");
    socket.send(Uint8Array.of(1, 2, 3));
    const { data } = await next<MessageEvent>(socket, "message");
    equal([...new Uint8Array(data)], [1, 2, 3]);
    socket.close(1000, "bye");
    equal((await next<CloseEvent>(socket, "close")).code, 1000);
  }));

test("serve() closes the socket of a session that ends, with the reason", () =>
  withEcho(async (address, site) => {
    const socket = new WebSocket(`ws://${address}/echo`);
    await next(socket, "open");
    const [session] = site.sessions.values();
    const closed = next<CloseEvent>(socket, "close");
    session!.expire();
    const { code, reason } = await closed;
    equal([code, reason], [1008, "logout"]);
  }));

test("serve() closes sockets with 1001 at a stop", async () => {
  let closed: Promise<CloseEvent> | undefined;
  await withEcho(async (address) => {
    const socket = new WebSocket(`ws://${address}/echo`);
    await next(socket, "open");
    closed = next<CloseEvent>(socket, "close");
  });
  equal((await closed)?.code, 1001);
});

test("serve() closes a socket whose listener throws with 1011, and reports it", () =>
  withEcho(async (address, _site, errors) => {
    const socket = new WebSocket(`ws://${address}/echo`);
    await next(socket, "open");
    const closed = next<CloseEvent>(socket, "close");
    socket.send("throw");
    equal((await closed).code, 1011);
    equal(errors.map((error) => (error as Error).message), ["broken"]);
  }));

test("serve() refuses an upgrade where there is no socket", () =>
  withEcho(async (address) => {
    const socket = new WebSocket(`ws://${address}/other`);
    await next(socket, "error");
    ok(socket.readyState !== WebSocket.OPEN, "it is open");
  }));
