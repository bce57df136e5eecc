import process from "node:process";
import { require } from "./require.mjs";

const fastify = require("fastify");

const app = fastify();
app.get("/hello", (_request, reply) => {
  reply.type("text/html; charset=utf-8").send("hello");
});

await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
