/**
 * The routing floor: the least that a server with several pages can do. It reads
 * the method and the URL, and finds the page by one lookup in a Map.
 */

import { BYTES, DATA, HTML } from "../pages.ts";
import { findSession, makeSession } from "../sessions_by_hand.ts";

type Page = (request: Request) => Response | Promise<Response>;

const pages = new Map<string, Page>([
  ["/hello", () => text("hello")],
  ["/count", (request) => {
    const session = findSession(request.headers.get("cookie"));
    return session === undefined ? notFound() : new Response(
      `${++session.count}`,
      { headers: { "content-type": HTML, "cache-control": "private" } },
    );
  }],
  [
    "/new",
    (request) =>
      findSession(request.headers.get("cookie")) !== undefined
        ? text("hello")
        : new Response("hello", {
          headers: {
            "content-type": HTML,
            "cache-control": "no-store",
            "set-cookie": makeSession(),
          },
        }),
  ],
  ["/later", async () => {
    await undefined;
    return text("hello");
  }],
  ["/bytes", () =>
    new Response(BYTES, {
      headers: { "content-type": "application/octet-stream" },
    })],
  ["/data", () => Response.json(DATA)],
]);

Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]) },
  (request) => {
    const page = pages.get(pathOf(request.url));
    return page !== undefined && request.method === "GET"
      ? page(request)
      : notFound();
  },
);

function pathOf(url: string): string {
  const begin = url.indexOf("/", "https://".length);
  const end = url.indexOf("?", begin);
  return end === -1 ? url.slice(begin) : url.slice(begin, end);
}

function text(text: string): Response {
  return new Response(text, { headers: { "content-type": HTML } });
}

function notFound(): Response {
  return new Response("Not found", { status: 404 });
}
