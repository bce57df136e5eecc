import { require } from "./require.mjs";

const { Hono } = require("hono");

const app = new Hono();
app.get("/hello", (c) => c.html("hello"));

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }, app.fetch);
