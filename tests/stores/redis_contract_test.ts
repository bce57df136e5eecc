import { RedisCluster, RedisServer, testWithRedis } from "../helpers_redis.ts";
import {
  connectNodeCluster,
  connectNodeRedis,
  CONTRACT_LIMIT,
  FEW,
  runContract,
} from "./helpers_redis_store.ts";

testWithRedis("RedisStore over npm:redis", async (t) => {
  await using server = await RedisServer.start();
  await runContract(t, () => connectNodeRedis(server), { races: 2000 });
}, { timeout: CONTRACT_LIMIT });

testWithRedis("RedisStore over npm:redis, RESP2 and 4 shards", async (t) => {
  await using server = await RedisServer.start();
  const connect = () => connectNodeRedis(server, { RESP: 2 });
  await runContract(t, connect, { ...FEW, shards: 4 });
}, { timeout: CONTRACT_LIMIT });

testWithRedis(
  "RedisStore on a cluster, with sharded notifications",
  async (t) => {
    await using cluster = await RedisCluster.start();
    const connect = () => connectNodeCluster(cluster.servers);
    const options = { ...FEW, shards: 5, shardedNotifications: true };
    await runContract(t, connect, options);
  },
  { timeout: CONTRACT_LIMIT },
);

testWithRedis("RedisStore on a cluster over npm:redis", async (t) => {
  await using cluster = await RedisCluster.start();
  const connect = () => connectNodeCluster(cluster.servers);
  await runContract(t, connect, { ...FEW, shards: 5 });
}, { timeout: CONTRACT_LIMIT });
