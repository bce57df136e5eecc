import { require } from "./require.mjs";

const { Elysia } = require("elysia");

const app = new Elysia().get("/hello", ({ set }) => {
  set.headers["content-type"] = "text/html; charset=utf-8";
  return "hello";
});

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }, app.fetch);
