/**
 * Small applications of each framework, which answer by one function.
 *
 * @module
 */

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable, type Writable } from "node:stream";
import { curfew as curfewExpress } from "@curfew/web/express";
import { curfew as curfewFastify } from "@curfew/web/fastify";
import { curfew as curfewH3 } from "@curfew/web/h3";
import { curfew as curfewHono } from "@curfew/web/hono";
import { curfew as curfewOak } from "@curfew/web/oak";
import { serve } from "@curfew/web/node";
import { Resource, Site, type SiteRequest } from "@curfew/web";
import type { Sessions, Visit } from "@curfew/web/sessions";
import { Application } from "@oakserver/oak";
import express from "express";
import fastify from "fastify";
import { H3 } from "h3";
import { Hono } from "hono";
import { toNodeHandler } from "srvx/node";

/** Answers the request of a visit, by its path. */
export type Answer = (
  visit: Visit,
  path: string,
) => Response | Promise<Response>;

/** An application that runs. */
export interface Running {
  /** Sends a request for a path. */
  readonly send: (request: Request) => Promise<Response>;
  close(): Promise<void>;
}

/** Starts an application of a framework. */
export type Framework = (
  sessions: Sessions,
  answer: Answer,
) => Running | Promise<Running>;

/** The parts of Express' types, which npm keeps apart, that are used here. */
interface ExpressRequest {
  readonly visit: Visit;
  readonly path: string;
}

interface ExpressReply extends Writable {
  status(status: number): void;
  append(name: string, value: string): void;
}

/**
 * Answers an error by its status and headers; Express knows it by its four
 * parameters.
 */
function hideError(
  error: { statusCode?: number; headers?: Record<string, string> },
  _req: unknown,
  res: ExpressReply,
  _next: unknown,
): void {
  res.status(error.statusCode ?? 500);
  for (const [name, value] of Object.entries(error.headers ?? {})) {
    res.append(name, value);
  }
  res.end("error");
}

/** The applications, by the name of the framework. */
export const FRAMEWORKS: Record<string, Framework> = {
  Hono: honoApp(1),
  "Hono, with the middleware twice": honoApp(2),
  h3: h3App(1),
  "h3, with the middleware twice": h3App(2),
  oak: oakApp(1),
  "oak, with the middleware twice": oakApp(2),
  Express: expressApp(1),
  "Express, with the middleware twice": expressApp(2),
  async Fastify(sessions, answer) {
    const app = fastify({ forceCloseConnections: true });
    app.register(curfewFastify(sessions) as never);
    app.all("/page/*", async (request, reply) => {
      const { visit } = request as unknown as { visit: Visit };
      const { pathname } = new URL(request.url, "http://localhost");
      return reply.send(await answer(visit, pathname));
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    const running = overListening(app.server as Server);
    return { ...running, close: () => app.close() };
  },
  "a bare handler"(sessions, answer) {
    return inProcess(async (request) => {
      const { pathname } = new URL(request.url);
      try {
        return await sessions.serve(
          request,
          (visit) =>
            pathname.startsWith("/page/")
              ? answer(visit, pathname)
              : new Response("no such page", { status: 404 }),
        );
      } catch (error) {
        return "getResponse" in (error as object)
          ? (error as { getResponse(): Response }).getResponse()
          : new Response("error", { status: 500 });
      }
    });
  },
  async "a site on node:http"(sessions, answer) {
    class Pages extends Resource {
      override isLeaf = true;
      override render(request: SiteRequest): Response | Promise<Response> {
        const path = `/page/${request.postpath.join("/")}`;
        return answer(request as unknown as Visit, path);
      }
    }
    const site = new Site(new Resource().putChild("page", new Pages()), {
      sessions,
      onError: () => {},
    });
    const server = serve(site, {
      port: 0,
      hostname: "127.0.0.1",
      onListen: () => {},
    });
    const { port } = await server.ready;
    return { send: senderTo(port), close: () => server.shutdown() };
  },
  "Hono on node:http"(sessions, answer) {
    const app = new Hono<{ Variables: { visit: Visit } }>();
    app.use(curfewHono(sessions));
    app.all("/page/*", (c) => answer(c.var.visit, c.req.path));
    app.onError((error, c) =>
      "getResponse" in error
        ? (error as { getResponse(): Response }).getResponse()
        : c.text("error", 500)
    );
    return overSockets(
      createServer(toNodeHandler((request) => app.fetch(request)) as never),
    );
  },
};

function inProcess(
  handle: (request: Request) => Response | Promise<Response>,
): Running {
  return {
    send: async (request) => await handle(request),
    close: () => Promise.resolve(),
  };
}

async function overSockets(server: Server): Promise<Running> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return overListening(server);
}

function overListening(server: Server): Running {
  return {
    send: senderTo((server.address() as AddressInfo).port),
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Returns a function that sends requests to a port of this machine. */
function senderTo(port: number): Running["send"] {
  return (request) => {
    const url = new URL(request.url);
    url.host = `127.0.0.1:${port}`;
    return fetch(url, {
      method: request.method,
      headers: request.headers,
      redirect: "manual",
      ...NOT_KEPT,
    });
  };
}

/**
 * Options of `fetch` for a connection that is not kept: node:http of Deno does not
 * close those without a request, and a server that stops waits for them.
 */
export const NOT_KEPT: object = "Deno" in globalThis
  ? { client: Deno.createHttpClient({ poolMaxIdlePerHost: 0 }) }
  : {};

/** Makes an application that uses the middleware so many times. */
function honoApp(mounts: number): Framework {
  return (sessions, answer) => {
    const app = new Hono<{ Variables: { visit: Visit } }>();
    for (let mount = 0; mount < mounts; mount++) app.use(curfewHono(sessions));
    app.all("/page/*", (c) => answer(c.var.visit, c.req.path));
    app.onError((error, c) =>
      "getResponse" in error
        ? (error as { getResponse(): Response }).getResponse()
        : c.text("error", 500)
    );
    return inProcess((request) => app.fetch(request));
  };
}

/** Makes an application that uses the middleware so many times. */
function h3App(mounts: number): Framework {
  return (sessions, answer) => {
    const app = new H3({ silent: true });
    for (let mount = 0; mount < mounts; mount++) app.use(curfewH3(sessions));
    app.all(
      "/page/**",
      (event) => answer(event.context["visit"] as Visit, event.url.pathname),
    );
    return inProcess((request) => app.fetch(request));
  };
}

/** Makes an application that uses the middleware so many times. */
function oakApp(mounts: number): Framework {
  return (sessions, answer) => {
    const app = new Application({ logErrors: false });
    for (let mount = 0; mount < mounts; mount++) app.use(curfewOak(sessions));
    app.use(async (ctx) => {
      const { pathname } = ctx.request.url;
      if (!pathname.startsWith("/page/")) return;
      const response = await answer(ctx.state.visit, pathname);
      ctx.response.status = response.status;
      for (const [name, value] of response.headers) {
        ctx.response.headers.append(name, value);
      }
      if (response.body !== null) ctx.response.body = response.body;
    });
    return inProcess(async (request) => {
      const response = await app.handle(request as never);
      return response as unknown as Response ??
        new Response(undefined, { status: 404 });
    });
  };
}

/** Makes an application that uses the middleware so many times. */
function expressApp(mounts: number): Framework {
  return (sessions, answer) => {
    const app = express();
    // Express prints no errors in tests, and shows no stack in production.
    app.set("env", "test");
    for (let mount = 0; mount < mounts; mount++) {
      app.use(curfewExpress(sessions));
    }
    app.all("/page/*rest", async (req: ExpressRequest, res: ExpressReply) => {
      const { visit, path } = req;
      const { status, headers, body } = await answer(visit, path);
      res.status(status);
      for (const [name, value] of headers) res.append(name, value);
      if (body === null) res.end();
      else Readable.fromWeb(body as never).pipe(res);
    });
    app.use(hideError as never);
    return overSockets(createServer(app as never));
  };
}
