import { BYTES, DATA, HTML } from "../pages.ts";
import { findSession, makeSession } from "../sessions_by_hand.ts";
import { require } from "./require.mjs";

const { Elysia } = require("elysia");

const app = new Elysia()
  .get("/hello", ({ set }) => {
    set.headers["content-type"] = HTML;
    return "hello";
  })
  .get("/count", ({ request, set, status }) => {
    const session = findSession(request.headers.get("cookie"));
    if (session === undefined) return status(404);
    set.headers["content-type"] = HTML;
    set.headers["cache-control"] = "private";
    return `${++session.count}`;
  })
  .get("/new", ({ request, set }) => {
    set.headers["content-type"] = HTML;
    if (findSession(request.headers.get("cookie")) === undefined) {
      set.headers["cache-control"] = "no-store";
      set.headers["set-cookie"] = makeSession();
    }
    return "hello";
  })
  .get("/later", async ({ set }) => {
    await undefined;
    set.headers["content-type"] = HTML;
    return "hello";
  })
  .get("/bytes", ({ set }) => {
    set.headers["content-type"] = "application/octet-stream";
    return BYTES;
  })
  .get("/data", () => DATA);

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }, app.fetch);
