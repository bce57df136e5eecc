import { Cluster } from "ioredis";
import { createCluster } from "redis";
import { fromIoredis, fromNodeRedis } from "../../stores/redis_store.ts";
import { RedisCluster, RedisServer, testWithRedis } from "../helpers_redis.ts";
import {
  type Connect,
  connectIoredis,
  connectIovalkey,
  connectNodeRedis,
  runContract,
} from "./helpers_redis_store.ts";

/** Enough to meet each other, where the crowd itself is not the subject. */
const FEW = { crowd: 300, races: 300 } as const;

testWithRedis("RedisStore over npm:redis", async (t) => {
  await using server = await RedisServer.start();
  await runContract(t, () => connectNodeRedis(server));
});

testWithRedis("RedisStore over npm:redis, RESP2 and 4 shards", async (t) => {
  await using server = await RedisServer.start();
  const connect = () => connectNodeRedis(server, { RESP: 2 });
  await runContract(t, connect, { ...FEW, shards: 4 });
});

testWithRedis("RedisStore over npm:ioredis", async (t) => {
  await using server = await RedisServer.start();
  await runContract(t, () => connectIoredis(server), FEW);
});

testWithRedis("RedisStore over npm:iovalkey", async (t) => {
  await using server = await RedisServer.start();
  await runContract(t, () => connectIovalkey(server), FEW);
});

testWithRedis("RedisStore on a cluster", async (t) => {
  await using redis = await RedisCluster.start();
  const { servers } = redis;
  const connects: Record<string, Connect> = {
    async "npm:redis"() {
      const cluster = createCluster({
        rootNodes: servers.map(({ url }) => ({ url })),
      });
      await cluster.connect();
      return [fromNodeRedis(cluster), () => cluster.destroy()];
    },
    async "npm:ioredis"() {
      const cluster = new Cluster(
        servers.map(({ port }) => ({ host: "127.0.0.1", port })),
      );
      await cluster.ping();
      return [fromIoredis(cluster), () => cluster.disconnect()];
    },
  };
  for (const [name, connect] of Object.entries(connects)) {
    await t.step(name, async (t) => {
      await runContract(t, connect, { ...FEW, shards: 5 });
    });
    // Each client begins with an empty cluster.
    for (const server of servers) await server.cli("FLUSHALL");
  }
});
