import { require } from "./require.mjs";

const { Hono } = require("hono");
const { MemoryStore, sessionMiddleware } = require("hono-sessions");

const app = new Hono();
app.use(sessionMiddleware({
  store: new MemoryStore(),
  expireAfterSeconds: 900,
  cookieOptions: { httpOnly: true, path: "/", sameSite: "Lax" },
}));
app.get("/count", (c) => {
  const session = c.get("session");
  const count = (session.get("count") ?? 0) + 1;
  session.set("count", count);
  c.header("cache-control", "private");
  return c.html(`${count}`);
});
app.get("/new", (c) => {
  c.header("cache-control", "no-store");
  return c.html("hello");
});

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }, app.fetch);
