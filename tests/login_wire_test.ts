// Logins over real connections: slow requests, long polls and planted cookies.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  passwordCheck,
  Resource,
  SessionGuard,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../mod.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import { login } from "./helpers_guard.ts";
import { cookieOf, Leaf } from "./helpers_http.ts";
import { testWith } from "./helpers_process.ts";

/** A site on a port, and its pages. */
class Shop implements AsyncDisposable {
  readonly site: Site;
  readonly payments: string[] = [];
  /** Resolves when a poll or a payment waits. */
  waiting = Promise.withResolvers<void>();
  /** Lets polls be answered. */
  readonly news = Promise.withResolvers<void>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(options: SiteOptions = {}) {
    const root = new Resource()
      .putChild("visit", new Leaf((request) => request.getSession().uid))
      .putChild("who", new Leaf((request) => request.principal ?? "nobody"))
      .putChild("login", new Leaf((request) => this.#logIn(request)))
      .putChild("pay", new Leaf((request) => this.#pay(request)))
      .putChild("poll", new Leaf((request) => this.#poll(request)))
      .putChild(
        "vault",
        new SessionGuard(
          new Leaf(({ user }) => `user ${user}`),
          passwordCheck({ mallory: "m", alice: "a" }),
          { realm: "x" },
        ),
      );
    this.site = new Site(root, { cookie: { secure: false }, ...options });
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      this.site.fetch,
    );
  }

  get port(): number {
    return this.#server.addr.port;
  }

  async ask(path: string, cookie = "", init: RequestInit = {}): Promise<{
    text: string;
    cookie: string;
  }> {
    const response = await fetch(`http://127.0.0.1:${this.port}/${path}`, {
      ...init,
      headers: {
        ...init.headers,
        ...(cookie === "" ? {} : { cookie }),
      },
    });
    return { text: await response.text(), cookie: cookieOf(response) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.news.resolve();
    this.site.stopStreams();
    await this.#server.shutdown();
    await this.site.close();
  }

  async #logIn(request: SiteRequest): Promise<string> {
    request.getSession();
    // The check of a password takes a while.
    await Promise.resolve();
    request.logIn(request.query.get("as")!);
    this.news.resolve();
    // A line in a log, written before the response.
    await new Promise((resolve) => setTimeout(resolve, 5));
    return "in";
  }

  async #pay(request: SiteRequest): Promise<string> {
    const look = request.query.get("look");
    if (look === "session") request.session;
    if (look === "getSession") request.getSession();
    if (look === "principal") request.principal;
    this.waiting.resolve();
    const form = await request.formData();
    const { principal } = request;
    if (principal === undefined) return "who are you?";
    this.payments.push(`${principal} pays ${form.get("to")}`);
    return `done as ${principal}`;
  }

  async #poll(request: SiteRequest): Promise<string> {
    request.getSession();
    this.waiting.resolve();
    await this.news.promise;
    return "news";
  }
}

/** A payment whose body comes in two halves. */
class SlowPayment {
  readonly #connection: Deno.TcpConn;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async begin(
    shop: Shop,
    cookie: string,
    look: string,
  ): Promise<SlowPayment> {
    const connection = await Deno.connect({
      hostname: "127.0.0.1",
      port: shop.port,
    });
    const payment = new SlowPayment(connection);
    await payment.#write(
      `POST /pay?look=${look} HTTP/1.1\r\nHost: 127.0.0.1:${shop.port}\r\nCookie: ${cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\nConnection: close\r\n\r\nto=`,
    );
    await shop.waiting.promise;
    return payment;
  }

  /** Sends the rest, and returns the body of the response. */
  async finish(): Promise<string> {
    await this.#write("mallory");
    const response = await new Response(this.#connection.readable).text();
    return response.split("\r\n\r\n")[1]!;
  }

  async #write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    let written = 0;
    while (written < bytes.length) {
      written += await this.#connection.write(bytes.subarray(written));
    }
  }
}

const STORES: Readonly<Record<string, () => SiteOptions>> = {
  "in memory": () => ({}),
  "over a store": () => ({ store: new MemoryStore() }),
};

for (const [kind, optionsOf] of Object.entries(STORES)) {
  for (const renewalGrace of [0, 1]) {
    for (const look of ["nothing", "session", "getSession", "principal"]) {
      testWith(
        ["net"],
        `A thief's slow request that looked at ${look} does not act as alice after her login, ${kind}, with a grace of ${renewalGrace} s`,
        async () => {
          await using shop = new Shop({ renewalGrace, ...optionsOf() });
          const planted = (await shop.ask("visit")).cookie;
          const payment = await SlowPayment.begin(shop, planted, look);

          const alice = await shop.ask("login?as=alice", planted);

          assertEquals(await payment.finish(), "who are you?");
          assertEquals(shop.payments, []);
          assertEquals((await shop.ask("who", planted)).text, "nobody");
          assertEquals((await shop.ask("who", alice.cookie)).text, "alice");
        },
      );
    }

    testWith(
      ["net"],
      `A thief's long poll gets no cookie of the login that it waits for, ${kind}, with a grace of ${renewalGrace} s`,
      async () => {
        await using shop = new Shop({ renewalGrace, ...optionsOf() });
        const planted = (await shop.ask("visit")).cookie;
        const thief = shop.ask("poll", planted);
        await shop.waiting.promise;

        const alice = await shop.ask("login?as=alice", planted);

        assertEquals((await thief).cookie, "");
        assertNotEquals(alice.cookie, "");
        assertEquals((await shop.ask("who", alice.cookie)).text, "alice");
        assertEquals((await shop.ask("who", planted)).text, "nobody");
      },
    );
  }

  testWith(
    ["net"],
    `A login by a planted cookie that mallory has replaced is not in mallory's session, ${kind}`,
    async () => {
      await using shop = new Shop(optionsOf());
      const planted = (await shop.ask("visit")).cookie;
      const mallory = (await shop.ask("login?as=mallory", planted)).cookie;

      const alice = await shop.ask("login?as=alice", planted);

      assertNotEquals(alice.cookie, "");
      assertEquals((await shop.ask("who", alice.cookie)).text, "alice");
      assertEquals((await shop.ask("who", mallory)).text, "mallory");
      assertEquals((await shop.ask("who", planted)).text, "nobody");
    },
  );

  for (const replace of ["vault", "login?as=mallory"]) {
    testWith(
      ["net"],
      `A SessionGuard's login by a planted cookie that mallory has replaced at ${replace} is not in mallory's session, ${kind}`,
      async () => {
        await using shop = new Shop(optionsOf());
        const planted = (await shop.ask("visit")).cookie;
        const mallory =
          (await shop.ask(replace, planted, login("mallory", "m"))).cookie;

        const alice = await shop.ask("vault", planted, login("alice", "a"));

        assertEquals(alice.text, "user alice");
        assertEquals(
          (await shop.ask("vault", alice.cookie)).text,
          "user alice",
        );
        const seen = (await shop.ask("vault", mallory)).text;
        assert(!seen.includes("alice"), seen);
        assertEquals((await shop.ask("who", mallory)).text, "mallory");
      },
    );
  }
}
