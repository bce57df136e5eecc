// Real proxies in front of a site, set up as docs/proxies.md shows them.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Resource, Site, type SiteRequest } from "../../mod.ts";
import { Leaf } from "../helpers_http.ts";
import { SOON } from "../helpers_process.ts";
import {
  PROXIES,
  Proxy,
  type ProxyName,
  proxyTest,
} from "./helpers_proxies.ts";

/** Says who asks, and where, and starts a session. */
class Where extends Resource {
  override isLeaf = true;
  override render_GET(request: SiteRequest): Response {
    const { uid } = request.getSession();
    const { remoteAddress, rootURL, isSecure } = request;
    return Response.json({ uid, remoteAddress, root: rootURL.href, isSecure });
  }
}

/** Sends an event for each POST, while the session lasts. */
class Events extends Resource {
  override isLeaf = true;
  #count = 0;
  #send: (text: string) => void = () => {};
  override render_GET(request: SiteRequest): Response {
    const stream = request.getSession().events(request);
    this.#send = (text) => void stream.send(text);
    stream.send("first");
    return stream.response;
  }
  override render_POST(): string {
    this.#send(`event ${++this.#count}`);
    return "sent";
  }
}

/** Answers each message of a socket. */
class Chat extends Resource {
  override isLeaf = true;
  override render_GET(request: SiteRequest): Response {
    const { socket, response } = request.getSession().socket(request);
    socket.onmessage = ({ data }) => socket.send(`you said ${data}`);
    return response;
  }
}

/** Counts the bytes of a body as they come. */
class Upload extends Resource {
  override isLeaf = true;
  readonly begun = Promise.withResolvers<void>();
  override async render_POST(request: SiteRequest): Promise<string> {
    let bytes = 0;
    for await (const chunk of request.request.body!) {
      bytes += chunk.length;
      this.begun.resolve();
    }
    return `${bytes} bytes`;
  }
}

/** A site behind a proxy. */
class Origin implements AsyncDisposable {
  readonly upload = new Upload();
  readonly errors: unknown[] = [];
  readonly site: Site;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const root = new Resource()
      .putChild("where", new Where())
      .putChild("events", new Events())
      .putChild("chat", new Chat())
      .putChild("upload", this.upload)
      .putChild("end", new Leaf((request) => (request.logOut(), "")));
    this.site = new Site(root, {
      trustProxy: true,
      hosts: ["localhost"],
      onError: (error) => void this.errors.push(error),
    });
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      this.site.fetch,
    );
  }

  get port(): number {
    return this.#server.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.site.stopStreams();
    await this.#server.shutdown();
    await this.site.close();
    assertEquals(this.errors, []);
  }
}

/** A test of a site behind one of the proxies. */
function behind(
  name: ProxyName,
  what: string,
  fn: (proxy: Proxy, origin: Origin) => Promise<void>,
): void {
  proxyTest(name, `Site behind ${name} ${what}`, async () => {
    await using origin = new Origin();
    await using proxy = await Proxy.start(name, origin.port);
    await fn(proxy, origin);
  });
}

/** Begins a session, and returns its cookie. */
async function begin(proxy: Proxy): Promise<string> {
  const response = await proxy.fetch("/where");
  await response.body?.cancel();
  return response.headers.getSetCookie()[0]!.split(";")[0]!;
}

/** The events of a stream, one at a time. */
class EventReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(response: Response) {
    this.#reader = response.body!.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** Waits for the next event; undefined at the end of the stream. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end !== -1) {
        const event = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        if (!event.startsWith(":")) return event;
        continue;
      }
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
  }
}

for (const name of PROXIES) {
  behind(name, "has its address, https and a secure cookie", async (proxy) => {
    const response = await proxy.fetch("/where");

    const { uid, ...where } = await response.json();
    assertMatch(uid, /^[\da-f]{32}$/);
    assertEquals(where, {
      remoteAddress: "127.0.0.2",
      root: `${proxy.origin}/`,
      isSecure: true,
    });
    assertMatch(
      response.headers.getSetCookie()[0]!,
      /^__Host-session=.*; Secure/,
    );
  });

  behind(name, "believes no client about itself", async (proxy) => {
    const response = await proxy.fetch("/where", {
      headers: {
        "x-forwarded-for": "198.51.100.6",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
        forwarded: "for=198.51.100.6;host=evil.example;proto=http",
      },
    });

    const { remoteAddress, root, isSecure } = await response.json();
    assertEquals([remoteAddress, root, isSecure], [
      "127.0.0.2",
      `${proxy.origin}/`,
      true,
    ]);
  });

  behind(name, "finds the session again", async (proxy) => {
    const first = await proxy.fetch("/where");
    const cookie = first.headers.getSetCookie()[0]!.split(";")[0]!;

    const second = await proxy.fetch("/where", { headers: { cookie } });

    assertEquals((await second.json()).uid, (await first.json()).uid);
    assertEquals(second.headers.getSetCookie(), []);
  });

  behind(
    name,
    "sends events as they come, and the end of the session",
    async (proxy) => {
      const cookie = await begin(proxy);
      const headers = { cookie };
      const events = new EventReader(await proxy.fetch("/events", { headers }));

      assertEquals(await events.next(), "data: first");
      for (const event of ["event 1", "event 2"]) {
        const sent = await proxy.fetch("/events", { method: "POST", headers });
        assertEquals(await sent.text(), "sent");
        assertEquals(await events.next(), `data: ${event}`);
      }
      await (await proxy.fetch("/end", { headers })).body?.cancel();

      assertEquals(
        await events.next(),
        'event: end\ndata: {"reason":"logout"}',
      );
      assertEquals(await events.next(), undefined);
    },
  );

  behind(name, "has sockets, of the same session", async (proxy, origin) => {
    const cookie = await begin(proxy);
    const socket = new WebSocket(
      proxy.origin.replace("https", "wss") + "/chat",
      {
        client: proxy.client,
        headers: { cookie, origin: proxy.origin },
      },
    );
    const answer = Promise.withResolvers<string>();
    const closed = Promise.withResolvers<number>();
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => answer.resolve(data);
    socket.onerror = () => answer.reject(new Error("the socket failed"));
    socket.onclose = ({ code }) => closed.resolve(code);

    assertEquals(await answer.promise, "you said hello");
    assertEquals(origin.site.sessions.size, 1);
    await (await proxy.fetch("/end", { headers: { cookie } })).body?.cancel();

    assertEquals(await closed.promise, 1008);
  });

  behind(name, "reads an upload while it comes", async (proxy, origin) => {
    const half = new Uint8Array(3 * 2 ** 20);
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(half);
        await origin.upload.begun.promise;
        controller.enqueue(half);
        controller.close();
      },
    });

    const response = await proxy.fetch("/upload", {
      method: "POST",
      body,
      signal: AbortSignal.timeout(SOON),
    });

    assertEquals(await response.text(), `${6 * 2 ** 20} bytes`);
  });

  behind(name, "refuses hosts that are not its own", async (proxy) => {
    const { hostname, port } = new URL(proxy.origin);
    const output = await new Deno.Command("curl", {
      args: [
        ...["-ks", "-o", "/dev/null", "-w", "%{http_code}"],
        ...["-H", "Host: evil.example", `https://${hostname}:${port}/where`],
      ],
    }).output();

    const status = new TextDecoder().decode(output.stdout);
    // Caddy has no site of that name, and answers nothing by an empty page.
    assert(status === "400" || name === "caddy" && status === "200", status);
  });
}
