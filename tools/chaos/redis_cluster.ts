import { RedisCluster, type RedisServer } from "../../tests/helpers_redis.ts";
import type { Backend } from "./backend.ts";
import { Proxy } from "./proxy.ts";
import { cutsOf, restart } from "./store_faults.ts";

/**
 * The proxies of a cluster's nodes, by the addresses that the nodes give: the
 * `nodeAddressMap` of npm:redis.
 */
export type ClusterAddresses = Readonly<
  Record<string, { readonly host: string; readonly port: number }>
>;

/** The longest takeover by a replica in milliseconds, on a busy machine. */
const LONGEST_WAIT = 60_000;

/**
 * Starts a Redis Cluster of three primaries with a replica each, all behind
 * proxies.
 *
 * A primary that is away for two seconds loses its slots to its replica. The store
 * waits for a replica, so that a confirmed beginning or end survives that.
 *
 * @param folder The folder for the data of the nodes.
 * @param settings Settings of each node.
 */
export async function startCluster(
  folder: string,
  settings: readonly string[],
): Promise<Backend> {
  const cluster = await RedisCluster.start({
    settings: [
      ...settings,
      ...["--cluster-require-full-coverage", "no"],
      ...["--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0"],
    ],
    replicas: 1,
    folder,
  });
  const proxies = cluster.servers.map(({ port }) => new Proxy(port));
  const addresses: ClusterAddresses = Object.fromEntries(
    cluster.servers.map(({ port }, i) => [
      `127.0.0.1:${port}`,
      { host: "127.0.0.1", port: proxies[i]!.port },
    ]),
  );
  const disposeAll = async () => {
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  };
  try {
    await cluster.untilReplicated();
  } catch (error) {
    await disposeAll();
    throw error;
  }
  return {
    kind: "cluster",
    location: JSON.stringify(addresses),
    faults: {
      async freeze(lasting) {
        const primary = await anyPrimary(cluster);
        await primary.freeze(lasting);
        await untilWhole(cluster);
      },
      async failover() {
        const primary = await anyPrimary(cluster);
        await primary.kill();
        await untilPrimaries(cluster);
        await primary.restart();
        await untilWhole(cluster);
      },
      async restart(lasting) {
        await restart(await anyPrimary(cluster), lasting);
        await untilWhole(cluster);
      },
      ...cutsOf(proxies),
    },
    async countSessions() {
      const count = `return #redis.call("KEYS", "*:s:*")`;
      const counts = (await cluster.primaries()).map(async (server) =>
        Number(await server.cli("EVAL", count, "0"))
      );
      return (await Promise.all(counts)).reduce((sum, n) => sum + n, 0);
    },
    [Symbol.asyncDispose]: disposeAll,
  };
}

async function anyPrimary(cluster: RedisCluster): Promise<RedisServer> {
  const primaries = await cluster.primaries();
  return primaries[Math.floor(Math.random() * primaries.length)]!;
}

/** Waits until each primary has its replica again. */
async function untilWhole(cluster: RedisCluster): Promise<void> {
  await untilPrimaries(cluster);
  await cluster.untilServed();
  await cluster.untilReplicated();
}

/**
 * Waits until there are three primaries: a replica has taken over from one that was
 * killed, or one that was frozen follows its successor.
 */
async function untilPrimaries(cluster: RedisCluster): Promise<void> {
  const latest = Date.now() + LONGEST_WAIT;
  while ((await cluster.primaries()).length !== 3) {
    if (Date.now() > latest) throw new Error("The primaries are not three");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
