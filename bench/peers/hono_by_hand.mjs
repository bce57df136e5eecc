import { findSession, makeSession } from "../sessions_by_hand.ts";
import { require } from "./require.mjs";

const { Hono } = require("hono");

const app = new Hono();
app.get("/count", (c) => {
  const session = findSession(c.req.header("cookie") ?? null);
  return session === undefined ? c.notFound() : c.html(`${++session.count}`);
});
app.get("/new", (c) => {
  c.header("cache-control", "no-store");
  c.header("set-cookie", makeSession());
  return c.html("hello");
});

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }, app.fetch);
