import { BYTES, DATA } from "../pages.ts";
import { findSession, makeSession } from "../sessions_by_hand.ts";
import { require } from "./require.mjs";

const { Hono } = require("hono");

const app = new Hono();
app.get("/hello", (c) => c.html("hello"));
app.get("/count", (c) => {
  const session = findSession(c.req.header("cookie") ?? null);
  if (session === undefined) return c.notFound();
  c.header("cache-control", "private");
  return c.html(`${++session.count}`);
});
app.get("/new", (c) => {
  if (findSession(c.req.header("cookie") ?? null) === undefined) {
    c.header("cache-control", "no-store");
    c.header("set-cookie", makeSession());
  }
  return c.html("hello");
});
app.get("/later", async (c) => {
  await undefined;
  return c.html("hello");
});
app.get(
  "/bytes",
  (c) => c.body(BYTES, 200, { "content-type": "application/octet-stream" }),
);
app.get("/data", (c) => c.json(DATA));

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }, app.fetch);
