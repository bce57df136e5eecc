import process from "node:process";
import { require } from "./require.mjs";

const fastify = require("fastify");

const app = fastify();
app.register(require("@fastify/cookie"));
app.register(require("@fastify/session"), {
  cookieName: "session",
  secret: "of no use to anybody outside of this benchmark",
  cookie: { maxAge: 900_000, path: "/", sameSite: "lax", secure: false },
});
app.get("/count", (request, reply) => {
  const count = (request.session.get("count") ?? 0) + 1;
  request.session.set("count", count);
  reply
    .type("text/html; charset=utf-8")
    .header("cache-control", "private")
    .send(`${count}`);
});
app.get("/new", (_request, reply) => {
  reply
    .type("text/html; charset=utf-8")
    .header("cache-control", "no-store")
    .send("hello");
});

await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
