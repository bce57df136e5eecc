/**
 * Measures what the middleware of each framework adds to a request that asks for
 * no session, by turns with the framework alone, in this process.
 *
 *     deno task bench:adapters [requests] [rounds]
 *
 * @module
 */

import { curfew as curfewExpress } from "../adapters/express.ts";
import { curfew as curfewFastify } from "../adapters/fastify.ts";
import { curfew as curfewH3 } from "../adapters/h3.ts";
import { curfew as curfewHono } from "../adapters/hono.ts";
import { curfew as curfewOak } from "../adapters/oak.ts";
import { Sessions } from "../sessions.ts";
import { Application } from "@oakserver/oak";
import express from "express";
import fastify from "fastify";
import { H3 } from "h3";
import { Hono } from "hono";
import inject from "light-my-request";
import process from "node:process";
import { spreadOf } from "./statistics.ts";

/** Answers one request with a short text, and resolves when it is there. */
type Visit = () => Promise<unknown>;

const COOKIE = `session=${"a".repeat(64)}`;
const sessions = new Sessions();

const FRAMEWORKS: Record<string, (isWith: boolean) => Promise<Visit>> = {
  Hono(isWith) {
    const app = new Hono();
    if (isWith) app.use(curfewHono(sessions));
    app.get("/", (c) => c.text("hello"));
    return Promise.resolve(async () => await app.fetch(request()));
  },
  h3(isWith) {
    const app = new H3();
    if (isWith) app.use(curfewH3(sessions));
    app.get("/", () => "hello");
    return Promise.resolve(async () => await app.fetch(request()));
  },
  oak(isWith) {
    const app = new Application();
    if (isWith) app.use(curfewOak(sessions));
    app.use((ctx) => {
      ctx.response.body = "hello";
    });
    return Promise.resolve(() => app.handle(request() as never));
  },
  Express(isWith) {
    const app = express();
    if (isWith) app.use(curfewExpress(sessions));
    app.get(
      "/",
      (_: unknown, res: { end(text: string): void }) => res.end("hello"),
    );
    return Promise.resolve(() => inject(app as never, INJECTED));
  },
  async Fastify(isWith) {
    const app = fastify();
    if (isWith) app.register(curfewFastify(sessions) as never);
    app.get("/", (_, reply) => void reply.send("hello"));
    await app.ready();
    return () => app.inject(INJECTED);
  },
};

const INJECTED = { url: "/", headers: { cookie: COOKIE } } as const;

function request(): Request {
  return new Request("http://localhost/", { headers: { cookie: COOKIE } });
}

/** Returns the microseconds of CPU time that a request takes. */
async function time(visit: Visit, count: number): Promise<number> {
  const begun = process.cpuUsage();
  for (let i = 0; i < count; i++) await visit();
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / count;
}

const [count = 5000, rounds = 9] = Deno.args.map(Number);
console.log(
  `Microseconds of CPU time that the middleware adds to a request without a session: median (min to max) of ${rounds} rounds of ${count}`,
);
for (const [name, make] of Object.entries(FRAMEWORKS)) {
  const [alone, visited] = [await make(false), await make(true)];
  for (const visit of [alone, visited]) await time(visit, count);
  const added: number[] = [];
  const base: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const [one, other] = [await time(alone, count), await time(visited, count)];
    base.push(one);
    added.push(other - one);
  }
  const { min, median, max } = spreadOf(added);
  console.log(
    `${name}: ${median.toFixed(1)} (${min.toFixed(1)} to ${
      max.toFixed(1)
    }) beside ${spreadOf(base).median.toFixed(1)} alone`,
  );
}
