import { require } from "./require.mjs";

const { Application, Router } = require("@oakserver/oak");

const router = new Router();
router.get("/hello", (context) => {
  context.response.type = "text/html; charset=utf-8";
  context.response.body = "hello";
});
const app = new Application();
app.use(router.routes());

// Deno.serve refuses the responses of this build, which come from a polyfill.
await app.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
