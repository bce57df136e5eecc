import { require } from "./require.mjs";

const { H3 } = require("h3");

const app = new H3();
app.get("/hello", (event) => {
  event.res.headers.set("content-type", "text/html; charset=utf-8");
  return "hello";
});

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }, app.fetch);
