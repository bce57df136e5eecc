import { assert, assertEquals } from "@std/assert";
import {
  claimAll,
  NODE,
  sessionOf,
  VISIT,
} from "../../testing/contract_checks.ts";
import { RedisCluster, RedisServer, testWithRedis } from "../helpers_redis.ts";
import {
  connectIoredis,
  connectIoredisCluster,
  connectIovalkey,
  CONTRACT_LIMIT,
  FEW,
  openStore,
  runContract,
} from "./helpers_redis_store.ts";

/**
 * The parser of these clients has a buffer for all connections, and shrinks it by
 * timers after a large reply, when the test may be over.
 */
const LEAKY = {
  sanitizeOps: false,
  sanitizeResources: false,
  timeout: CONTRACT_LIMIT,
} as const;

testWithRedis("RedisStore over npm:ioredis", async (t) => {
  await using server = await RedisServer.start();
  await runContract(t, () => connectIoredis(server), FEW);
}, LEAKY);

testWithRedis("RedisStore over npm:iovalkey", async (t) => {
  await using server = await RedisServer.start();
  await runContract(t, () => connectIovalkey(server), FEW);
}, LEAKY);

testWithRedis("RedisStore on a cluster over npm:ioredis", async () => {
  await using cluster = await RedisCluster.start();
  await using opened = await openStore(
    () => connectIoredisCluster(cluster.servers),
    { shards: 5 },
  );
  const { store } = opened;
  const notified = Promise.withResolvers<string>();
  const stop = await store.watch(({ uid }) => notified.resolve(uid));
  const uids = Array.from({ length: 20 }, (_, i) => `${i}`);
  for (const uid of uids) {
    await store.create(sessionOf(uid, { principal: "ann" }));
    assertEquals((await store.load(uid, VISIT))?.uid, uid);
  }
  assertEquals((await store.uidsOf("ann")).toSorted(), uids.toSorted());
  assert(await store.end("0", "logout", NODE));
  assertEquals(await notified.promise, "0");
  for (const uid of uids.slice(1)) {
    await store.commit(uid, { sessionTimeout: 0 });
  }
  assertEquals((await claimAll(store)).length, 19);
  stop();
}, LEAKY);
