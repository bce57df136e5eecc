import { BYTES, DATA, HTML } from "../pages.ts";
import { findSession, makeSession } from "../sessions_by_hand.ts";
import { require } from "./require.mjs";

const { H3, HTTPError } = require("h3");

const app = new H3();
app.get("/hello", (event) => {
  event.res.headers.set("content-type", HTML);
  return "hello";
});
app.get("/count", (event) => {
  const session = findSession(event.req.headers.get("cookie"));
  if (session === undefined) throw new HTTPError({ status: 404 });
  event.res.headers.set("content-type", HTML);
  event.res.headers.set("cache-control", "private");
  return `${++session.count}`;
});
app.get("/new", (event) => {
  event.res.headers.set("content-type", HTML);
  if (findSession(event.req.headers.get("cookie")) === undefined) {
    event.res.headers.set("cache-control", "no-store");
    event.res.headers.set("set-cookie", makeSession());
  }
  return "hello";
});
app.get("/later", async (event) => {
  await undefined;
  event.res.headers.set("content-type", HTML);
  return "hello";
});
app.get("/bytes", (event) => {
  event.res.headers.set("content-type", "application/octet-stream");
  return BYTES;
});
app.get("/data", () => DATA);

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }, app.fetch);
