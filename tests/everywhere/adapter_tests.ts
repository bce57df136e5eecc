import {
  type Clock,
  HttpError,
  Sessions,
  type Visit,
} from "@curfew/web/sessions";
import { MemoryStore } from "@curfew/web/stores/memory";
import type { SessionStore } from "@curfew/web/stores/store";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { curfew as curfewExpress } from "@curfew/web/express";
import { curfew } from "@curfew/web/fastify";
import express from "express";
import fastify from "fastify";
import { Client } from "./client.ts";
import { type Answer, type Framework, FRAMEWORKS } from "./frameworks.ts";
import { closing, equal, ok, test } from "./suite.ts";

/** One behaviour that is the same in every framework. */
type Behaviour = (framework: Framework) => Promise<void>;

const STARTED = Date.now();

/** A clock that runs twenty times as fast. */
const HURRIED: Clock = {
  now: () => STARTED + 20 * (Date.now() - STARTED),
  setTimeout: (callback, delay) => setTimeout(callback, delay / 20),
  clearTimeout: (id) => clearTimeout(id as number),
};

/** What the pages of the tests share. */
class Desk {
  /** Opens to the request for `/page/slow`. */
  arrived = Promise.withResolvers<void>();
  /** Lets the answer to `/page/slow` go on. */
  gate = Promise.withResolvers<void>();
  /** Opens when the stream of events is closed. */
  left = Promise.withResolvers<void>();

  readonly answer: Answer = async (visit, path) => {
    switch (path) {
      case "/page/plain":
        return new Response("plain");
      case "/page/logo":
        return new Response("logo", {
          headers: { "cache-control": "public, max-age=600" },
        });
      case "/page/visit":
        return new Response(visit.getSession().uid);
      case "/page/look":
        return new Response(`${visit.principal} ${visit.session?.uid}`);
      case "/page/renew":
        return new Response(visit.renewSession().uid);
      case "/page/login":
        return new Response(visit.logIn("alice").uid);
      case "/page/login-bob":
        return new Response(visit.logIn("bob").uid);
      case "/page/logout":
        visit.logOut();
        return new Response("bye");
      case "/page/throw":
        visit.getSession();
        throw new Error("broken");
      case "/page/too-many":
        visit.getSession();
        throw new HttpError(429, "Wait", { headers: { "retry-after": "60" } });
      case "/page/refuse":
        visit.getSession();
        return new Response("no", { status: 418 });
      case "/page/slow": {
        const { uid } = visit.getSession();
        this.arrived.resolve();
        await this.gate.promise;
        return new Response(uid);
      }
      case "/page/stream":
        visit.getSession();
        return new Response(partsOf("one ", "two"));
      case "/page/forgotten": {
        const { signal } = visit.getSession().events(visit);
        signal.addEventListener("abort", () => this.left.resolve());
        return new Response("no events");
      }
      case "/page/events": {
        const events = visit.getSession().events(visit);
        events.send({ data: "hello" });
        events.signal.addEventListener("abort", () => this.left.resolve());
        return events.response;
      }
    }
    return new Response("unknown", { status: 404 });
  };
}

function partsOf(...parts: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const part = parts.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });
}

/** Runs a test of an application with its sessions. */
async function withApplication(
  framework: Framework,
  run: (client: () => Client, sessions: Sessions, desk: Desk) => Promise<void>,
  store?: SessionStore,
): Promise<void> {
  const sessions = closing(
    new Sessions({
      onError: () => {},
      ...store === undefined ? {} : { store, clock: HURRIED },
    }),
  );
  const desk = new Desk();
  const { send, close } = await framework(sessions, desk.answer);
  try {
    await run(() => new Client(send), sessions, desk);
  } finally {
    await close();
  }
}

const BEHAVIOURS: Record<string, Behaviour> = {
  "sends no cookie where no session is asked for": (framework) =>
    withApplication(framework, async (client, sessions) => {
      const { text, setCookie, headers } = await client().send("/page/plain");
      equal([text, setCookie, sessions.size], ["plain", null, 0]);
      equal(headers.get("cache-control"), null);
    }),
  "makes a session, and sends its cookie": (framework) =>
    withApplication(framework, async (client, sessions) => {
      const { text, setCookie, headers } = await client().send("/page/visit");
      ok(setCookie?.startsWith(`session=${text}`), `cookie ${setCookie}`);
      equal(headers.get("cache-control"), "no-store");
      equal(sessions.size, 1);
    }),
  "finds the session by its cookie": (framework) =>
    withApplication(framework, async (client) => {
      const visitor = client();
      const first = await visitor.send("/page/visit");
      const { text, setCookie, headers } = await visitor.send("/page/visit");
      equal([text, setCookie], [first.text, null]);
      equal(headers.get("cache-control"), "private");
    }),
  "leaves Cache-Control as it is where no session is asked for": (framework) =>
    withApplication(framework, async (client) => {
      const visitor = client();
      await visitor.send("/page/visit");
      const { headers } = await visitor.send("/page/logo");
      equal(headers.get("cache-control"), "public, max-age=600");
    }),
  "sends the token of a renewal": (framework) =>
    withApplication(framework, async (client) => {
      const visitor = client();
      const { text } = await visitor.send("/page/visit");
      const before = visitor.cookie;
      const renewed = await visitor.send("/page/renew");
      equal(renewed.text, text);
      ok(visitor.cookie !== before, "the token stays");
      equal((await visitor.send("/page/look")).text, `undefined ${text}`);
    }),
  "logs in and out": (framework) =>
    withApplication(framework, async (client, sessions) => {
      const visitor = client();
      await visitor.send("/page/visit");
      const { text } = await visitor.send("/page/login");
      equal((await visitor.send("/page/look")).text, `alice ${text}`);
      const { setCookie } = await visitor.send("/page/logout");
      ok(setCookie?.startsWith("session=;"), `cookie ${setCookie}`);
      equal(sessions.size, 0);
      equal(
        (await visitor.send("/page/look")).text,
        "undefined undefined",
      );
    }),
  "logs another user in, over a store": (framework) =>
    withApplication(framework, async (client, sessions) => {
      const visitor = client();
      await visitor.send("/page/login");
      const { text, headers } = await visitor.send("/page/login-bob");
      const cookies = headers.getSetCookie();
      equal(cookies.length, 1);
      ok(cookies[0]!.startsWith(`session=${text}`), `cookie ${cookies}`);
      equal((await visitor.send("/page/look")).text, `bob ${text}`);
      equal(sessions.size, 1);
    }, new MemoryStore()),
  "leaves the cookie alone if the session ends while the request runs": (
    framework,
  ) =>
    withApplication(framework, async (client, sessions, desk) => {
      const visitor = client();
      const { text } = await visitor.send("/page/visit");
      const slow = visitor.send("/page/slow");
      await desk.arrived.promise;
      sessions.get(text)!.expire();
      desk.gate.resolve();
      equal([(await slow).text, (await slow).setCookie], [text, null]);
    }),
  "keeps the session of a client whose request fails": (framework) =>
    withApplication(framework, async (client) => {
      const visitor = client();
      const { text } = await visitor.send("/page/visit");
      const failed = await visitor.send("/page/throw");
      equal([failed.status, failed.setCookie], [500, null]);
      equal((await visitor.send("/page/visit")).text, text);
    }),
  "answers HEAD without making a session": (framework) =>
    withApplication(framework, async (client, sessions) => {
      const { status, setCookie } = await client().send("/page/visit", {
        method: "HEAD",
      });
      equal([status, setCookie, sessions.size], [200, null, 0]);
    }),
  "streams a body, with the cookie before it": (framework) =>
    withApplication(framework, async (client) => {
      const { text, setCookie } = await client().send("/page/stream");
      equal(text, "one two");
      ok(setCookie !== null, "no cookie");
    }),
  "ends a stream of events with its session": (framework) =>
    withApplication(framework, async (client, sessions) => {
      const visitor = client();
      const { text } = await visitor.send("/page/visit");
      const response = await visitor.open("/page/events");
      const received = response.text();
      sessions.get(text)!.expire();
      ok((await received).includes("event: end"), await received);
    }),
  "closes a stream of events when its client leaves": (framework) =>
    withApplication(framework, async (client, _sessions, desk) => {
      const response = await client().open("/page/events");
      await response.body!.cancel();
      await desk.left.promise;
    }),
  "closes a stream of events that no response sends": (framework) =>
    withApplication(framework, async (client, _sessions, desk) => {
      await client().send("/page/forgotten");
      await desk.left.promise;
    }),
  "keeps two clients at once apart": (framework) =>
    withApplication(framework, async (client) => {
      const [alice, bob] = [client(), client()];
      const answers = await Promise.all([
        alice.send("/page/visit"),
        bob.send("/page/visit"),
      ]);
      const again = await Promise.all([
        alice.send("/page/visit"),
        bob.send("/page/visit"),
      ]);
      equal(again.map(({ text }) => text), answers.map(({ text }) => text));
      ok(answers[0]!.text !== answers[1]!.text, "they share a session");
    }),
  "sends the cookie with a page of another status": (framework) =>
    withApplication(framework, async (client) => {
      const { status, setCookie } = await client().send("/page/refuse");
      equal(status, 418);
      ok(setCookie !== null, "no cookie");
    }),
  "answers 404 for a page that is not there": (framework) =>
    withApplication(framework, async (client) => {
      const { status, setCookie } = await client().send("/other");
      equal([status, setCookie], [404, null]);
    }),
  "answers 503 while the store is away, and keeps the cookie": (framework) => {
    const store = new MemoryStore();
    let isAway = false;
    const shaky = new Proxy(store, {
      get(target, name) {
        const member = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) => {
          if (isAway) return Promise.reject(new Error("the store is away"));
          return member.apply(target, args);
        };
      },
    });
    return withApplication(framework, async (client) => {
      const visitor = client();
      const { text } = await visitor.send("/page/visit");
      isAway = true;
      const { status, setCookie } = await visitor.send("/page/visit");
      equal([status, setCookie], [503, null]);
      const stranger = await client().send("/page/visit");
      equal([stranger.status, stranger.setCookie], [503, null]);
      isAway = false;
      let again = await visitor.send("/page/visit");
      // The store is asked once a second whether it is there again.
      while (again.status === 503) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        again = await visitor.send("/page/visit");
      }
      equal(again.text, text);
    }, shaky);
  },
};

/** The behaviours of those that have a response for an error. */
const ERROR_BEHAVIOURS: Record<string, Behaviour> = {
  "sends the cookie of a new session with the response for an error": (
    framework,
  ) =>
    withApplication(framework, async (client, sessions) => {
      const { status, setCookie } = await client().send("/page/throw");
      equal([status, sessions.size], [500, 1]);
      ok(setCookie?.startsWith(`session=${[...sessions.keys()]}`), "no cookie");
    }),
  "sends the status and the headers of an HttpError, with the cookie": (
    framework,
  ) =>
    withApplication(framework, async (client) => {
      const { status, setCookie, headers } = await client().send(
        "/page/too-many",
      );
      equal([status, headers.get("retry-after")], [429, "60"]);
      ok(setCookie !== null, "no cookie");
    }),
};

for (const [name, framework] of Object.entries(FRAMEWORKS)) {
  const isBare = name === "a bare handler";
  for (
    const [behaviour, run] of Object.entries({
      ...BEHAVIOURS,
      ...isBare ? {} : ERROR_BEHAVIOURS,
    })
  ) {
    test(`${name} ${behaviour}`, () => run(framework));
  }
}

test("Fastify finishes the visit if the handler sends the response itself", async () => {
  const sessions = closing(new Sessions());
  const app = fastify({ forceCloseConnections: true });
  app.register(curfew(sessions) as never);
  app.get("/", (request, reply) => {
    const { visit } = request as unknown as { visit: Visit };
    const session = visit.getSession();
    session.sessionTimeout = 0.1;
    session.startCheckingExpiration();
    reply.hijack();
    reply.raw.end(session.uid);
  });
  try {
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    const visit = await sessions.serve(
      new Request(url),
      (visit) => new Response(visit.getSession().uid),
    );
    const cookie = visit.headers.get("set-cookie")!.split(";")[0]!;
    const uid = await visit.text();
    const ended = sessions.get(uid)!.ended;
    const response = await fetch(url, { headers: { cookie } });
    equal(await response.text(), uid);
    equal((await ended).reason, "idle");
  } finally {
    await app.close();
  }
});

/** A store that is waited for, as one over a network is. */
function waitedStore(): SessionStore {
  return new Proxy<SessionStore>(new MemoryStore(), {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        return member.apply(target, args);
      };
    },
  });
}

/** Runs an Express application whose handler answers each request. */
async function withExpress(
  handler: (
    // deno-lint-ignore no-explicit-any
    ...args: any[]
  ) => unknown,
  run: (url: string) => Promise<void>,
): Promise<void> {
  const sessions = closing(
    new Sessions({ store: waitedStore(), onError: () => {} }),
  );
  const app = express();
  app.set("env", "test");
  app.use((_req: unknown, res: ServerResponse, next: () => void) => {
    // As `compression` does, which has no stream to drain before the first byte.
    const on = res.on as (...args: unknown[]) => unknown;
    Object.assign(res, {
      on: (...args: unknown[]) =>
        args[0] === "drain" ? res : on.apply(res, args),
    });
    next();
  });
  app.use(curfewExpress(sessions));
  app.use(handler);
  const server = createServer(app as never).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    await run(`http://127.0.0.1:${port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("Express sends the first response of a handler that goes on, over a store that is waited for", () =>
  withExpress(
    (req, res, next) => {
      req.visit.getSession();
      res.send("first");
      equal(res.headersSent, true);
      res.statusCode = 500;
      next();
    },
    async (url) => {
      const response = await fetch(url);
      equal([response.status, await response.text()], [200, "first"]);
      ok(response.headers.has("set-cookie"), "no cookie");
    },
  ));

test("Express refuses a second response, over a store that is waited for", () => {
  let code: unknown;
  return withExpress(
    (req, res) => {
      req.visit.getSession();
      res.send("first");
      try {
        res.send("second");
      } catch (error) {
        code = (error as { code?: unknown }).code;
      }
      res.end("third");
    },
    async (url) => {
      equal(await (await fetch(url)).text(), "first");
      equal(code, "ERR_HTTP_HEADERS_SENT");
    },
  );
});

test("Express survives a handler that throws after its response, over a store that is waited for", () =>
  withExpress(
    (req, res) => {
      req.visit.getSession();
      res.send("sent");
      if (req.url === "/fail") throw new Error("too late");
    },
    async (url) => {
      // Express destroys the connection of such a request.
      await fetch(`${url}/fail`).then((response) => response.text(), () => {});
      equal(await (await fetch(url)).text(), "sent");
    },
  ));

test("Express sends a stream of several parts, over a store that is waited for", () =>
  withExpress(
    (req, res) => {
      req.visit.getSession();
      Readable.from([1, 2, 3, 4].map(() => "x".repeat(1000))).pipe(res);
    },
    async (url) => {
      equal((await (await fetch(url)).text()).length, 4000);
    },
  ));

export type { Visit };
