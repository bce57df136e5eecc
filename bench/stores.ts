/**
 * Measures the cost of a store for requests: the same site without a store, and
 * with a MemoryStore, a SqliteStore and a RedisStore, by turns. Counts the commands
 * of a request to Redis.
 *
 *     deno task bench:stores [--rounds=N] [--seconds=N]
 *
 * Needs wrk and redis-server. It starts a Redis without persistence; wrk has one
 * CPU, Redis any.
 *
 * @module
 */

import { RedisServer } from "../tests/helpers_redis.ts";
import { comparable, cookieOf, fetchPage } from "./fetch_page.ts";
import { conduct } from "./conduct.ts";
import { again } from "./contests.ts";
import type { Contender, Contest, Tools } from "./measure.ts";
import { onDeno } from "./programs.ts";

/** Requests whose commands are counted. */
const VISITS = 2000;

const folder = await Deno.makeTempDir();
await using redis = await RedisServer.start();

function over(name: string, kind: string, location: () => string): Contender {
  return {
    name,
    program: (port) =>
      onDeno("programs/curfew_stored.ts", kind, location())(port),
  };
}

let files = 0;
const newFile = () => `${folder}/${files++}.db`;

const WITHOUT = over("no store", "none", () => "");
const OVER_REDIS = over("RedisStore, npm:redis", "redis", () => redis.url);
const CONTENDERS: readonly Contender[] = [
  again(WITHOUT),
  over("MemoryStore", "memory", () => ""),
  over("SqliteStore", "sqlite", newFile),
  over("SqliteStore, touchThrottle 30", "sqlite, throttled", newFile),
  OVER_REDIS,
];

const returning: Contest = {
  name: "session",
  title:
    "A client returns: the session is found by its cookie and touched, and none of its values changes",
  baseline: WITHOUT,
  contenders: CONTENDERS,
  async rehearse(origin) {
    const first = await fetchPage(origin, { path: "/new" }, "hello");
    const visit = { path: "/visit", cookie: cookieOf(first) };
    const headers = await fetchPage(origin, visit, "hello again");
    return { visits: [visit], headers: comparable(headers) };
  },
};

const counting: Contest = {
  name: "count",
  title: "A client returns, and a value in the session changes",
  baseline: WITHOUT,
  contenders: CONTENDERS,
  async rehearse(origin) {
    const first = await fetchPage(origin, { path: "/new" }, "hello");
    const visit = { path: "/count", cookie: cookieOf(first) };
    await fetchPage(origin, visit, "1");
    const headers = await fetchPage(origin, visit, "2");
    return { visits: [visit], headers: comparable(headers) };
  },
};

const starting: Contest = {
  name: "new",
  title: "Every request makes a session and sets its cookie",
  baseline: WITHOUT,
  contenders: CONTENDERS,
  async rehearse(origin) {
    const visit = { path: "/new" };
    const headers = await fetchPage(origin, visit, "hello");
    return { visits: [visit], headers: comparable(headers) };
  },
};

/** Counts the scripts that a request sends to Redis; returns sentences. */
async function countCommands({ processes }: Tools): Promise<string[]> {
  const sentences: string[] = [];
  for (const contest of [returning, counting]) {
    await using server = await processes.serve(OVER_REDIS.program);
    const { visits: [visit] } = await contest.rehearse(server.origin);
    await redis.cli("CONFIG", "RESETSTAT");
    const began = performance.now();
    for (let i = 0; i < VISITS; i++) {
      const headers = { cookie: visit!.cookie! };
      await (await fetch(server.origin + visit!.path, { headers })).text();
    }
    const seconds = (performance.now() - began) / 1000;
    const calls = await redis.countCalls();
    const sent = (calls.get("evalsha") ?? 0) + (calls.get("eval") ?? 0);
    // A site polls for ends once a second.
    const looks = Math.ceil(seconds) + 1;
    sentences.push(
      `${contest.name}: ${VISITS} requests in ${
        seconds.toFixed(1)
      } s, ${sent} scripts sent to Redis: ${
        ((sent - looks) / VISITS).toFixed(2)
      } to ${
        (sent / VISITS).toFixed(2)
      } a request, without and with those that look for ends`,
    );
  }
  return sentences;
}

try {
  await conduct({
    help: "Measures what a store costs: session, count, new.",
    prepare: (_flags, tools) => ({
      contests: [returning, counting, starting],
      remarks: () => countCommands(tools),
    }),
  });
} finally {
  await Deno.remove(folder, { recursive: true });
}
