/**
 * Measures what a notification costs the nodes of a Redis Cluster: by `PUBLISH`, which
 * all nodes pass on, and by `SPUBLISH`, which stays at the node of its shard.
 *
 *     deno task bench:publish [--replicas=1] [--rate=2000] [--seconds=8]
 *
 * Starts three primaries with so many replicas each, 0 or 1. Eight connections listen.
 * A script publishes 80 bytes; its cost without the notification is subtracted.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { createClient } from "redis";
import { RedisCluster, type RedisServer } from "../tests/helpers_redis.ts";
import { atLeast } from "./flags.ts";
import { printTable } from "./table.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    replicas: { type: "string", default: "1" },
    rate: { type: "string", default: "2000" },
    seconds: { type: "string", default: "8" },
  },
});
const replicas = atLeast(0, "replicas", values.replicas);
const rate = atLeast(1, "rate", values.rate);
const seconds = atLeast(0.1, "seconds", values.seconds);

const LISTENERS = 8;
const CHANNEL = "{curfew:0}:news";
const MESSAGE = `${Date.now()}\t${"5a".repeat(16)}\tidle\nnext\t0\t12.5\tnode`;
const SCRIPT =
  `if ARGV[1] ~= '' then redis.call(ARGV[1], KEYS[1], ARGV[2]) end return 1`;

await using cluster = await RedisCluster.start({ replicas });
const { servers } = cluster;

async function connect(server: RedisServer) {
  const client = createClient({ url: server.url });
  client.on("error", console.error);
  await client.connect();
  return client;
}

async function cpuMicros(): Promise<number[]> {
  const infos = await Promise.all(
    servers.map((server) => server.cli("INFO", "cpu")),
  );
  return infos.map((info) =>
    [...info.matchAll(/^used_cpu_(?:user|sys):(\S+)/gm)]
      .reduce((sum, [, used]) => sum + Number(used) * 1e6, 0)
  );
}

/** The client of the node that has the channel. */
async function findOwner() {
  for (const server of servers) {
    const answer = await server.cli("EXISTS", CHANNEL);
    if (!answer.startsWith("MOVED")) return server;
  }
  throw new Error("Cannot measure: no node has the slot of the channel");
}

const owner = await findOwner();
const publisher = await connect(owner);
const primaries = servers.slice(0, 3);
const clients = [publisher];
let received = 0;
for (let index = 0; index < LISTENERS; index++) {
  const spread = await connect(primaries[index % primaries.length]!);
  await spread.subscribe(CHANNEL, () => received++);
  const sharded = await connect(owner);
  await sharded.sSubscribe(CHANNEL, () => received++);
  clients.push(spread, sharded);
}

/** Returns the microseconds of each node for one script. */
async function costOf(command: "" | "PUBLISH" | "SPUBLISH"): Promise<number[]> {
  received = 0;
  const before = await cpuMicros();
  const begin = performance.now();
  let sent = 0;
  while (performance.now() - begin < seconds * 1000) {
    const due = (performance.now() - begin) / 1000 * rate;
    const calls: Promise<unknown>[] = [];
    for (; sent < due; sent++) {
      calls.push(
        publisher.sendCommand(["EVAL", SCRIPT, "1", CHANNEL, command, MESSAGE]),
      );
    }
    await Promise.all(calls);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const after = await cpuMicros();
  if (command !== "" && received < sent * LISTENERS * 0.99) {
    throw new Error(`Cannot measure: ${received} of ${sent * LISTENERS} came`);
  }
  return after.map((micros, node) => (micros - before[node]!) / sent);
}

const rows: Record<string, string>[] = [];
for (const command of ["PUBLISH", "SPUBLISH"] as const) {
  const idle = await costOf("");
  const busy = await costOf(command);
  const own = servers.indexOf(owner);
  const extra = busy.map((micros, node) => micros - idle[node]!);
  const others = extra.filter((_, node) => node !== own);
  const sum = others.reduce((sum, micros) => sum + micros, 0);
  rows.push({
    command,
    "us of its node": extra[own]!.toFixed(1),
    "us of each other node": (sum / others.length).toFixed(1),
    "us of all nodes": (extra[own]! + sum).toFixed(1),
  });
}
console.log(`${servers.length} nodes, ${rate} notifications a second`);
printTable(rows);
for (const client of clients) client.destroy();
