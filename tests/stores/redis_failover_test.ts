// A cluster of three primaries with a replica each, while a primary is killed.

import { assert, assertEquals, assertGreater } from "@std/assert";
import { RedisCluster, testWithRedis } from "../helpers_redis.ts";
import { cookieOf, Node } from "../helpers_store.ts";
import {
  connectIoredisCluster,
  connectNodeCluster,
  openStore,
  pause,
} from "./helpers_redis_store.ts";

const SETTINGS = [
  ...["--appendonly", "yes", "--cluster-require-full-coverage", "no"],
  // The replica takes over soon.
  ...["--cluster-node-timeout", "2000"],
  ...["--repl-diskless-sync-delay", "0"],
] as const;

/** Milliseconds in which clients begin. */
const LASTING = 12_000;

const CLIENTS = {
  "npm:redis": { connect: connectNodeCluster, replicas: 1 },
  "npm:redis, with sharded notifications,": {
    connect: connectNodeCluster,
    replicas: 1,
    shardedNotifications: true,
  },
  // It cannot send WAIT to the node of a key.
  "npm:ioredis": { connect: connectIoredisCluster, replicas: 0 },
} as const;

for (const [name, { connect, ...options }] of Object.entries(CLIENTS)) {
  const { replicas } = options;
  testWithRedis(
    `Sites over a cluster by ${name} deliver each end once through a failover`,
    async () => {
      await using cluster = await RedisCluster.start({
        settings: SETTINGS,
        replicas: 1,
      });
      await cluster.untilReplicated();
      const open = () =>
        openStore(() => connect(cluster.servers), { shards: 6, ...options });
      await using first = await open();
      await using second = await open();
      const nodes = [first, second].map(({ store }) =>
        new Node(store, { sessionTimeout: 4, storeTimeout: 1 })
          .page("visit", (request) => request.getSession().uid)
      );
      await Promise.all(nodes.map(({ site }) => site.ready));
      const made = new Set<string>();
      let refused = 0;
      let isKilled = false;
      const from = Date.now();
      for (let i = 0; Date.now() < from + LASTING; i++) {
        if (!isKilled && Date.now() > from + LASTING / 3) {
          isKilled = true;
          await cluster.servers[0]!.kill();
        }
        const response = await nodes[i % 2]!.get("visit");
        const uid = await response.text();
        if (response.status === 200) {
          made.add(uid);
          cookieOf(response);
        } else refused++;
        await pause(10);
      }
      const counts = () => {
        const told = new Map<string, number>();
        for (const { uid } of nodes.flatMap(({ ends }) => ends)) {
          told.set(uid, (told.get(uid) ?? 0) + 1);
        }
        return told;
      };
      const latest = Date.now() + 60_000;
      const isLeft = () => {
        const told = counts();
        return [...made].some((uid) => !told.has(uid));
      };
      while (isLeft() && Date.now() < latest) await pause(100);
      const told = counts();
      const lost = [...made].filter((uid) => !told.has(uid));
      const doubled = [...made].filter((uid) => told.get(uid)! > 1);
      console.log(
        `${made.size} sessions, ${refused} refused, ${lost.length} lost, ${doubled.length} told twice`,
      );
      assertGreater(made.size, 50);
      if (replicas > 0) assertEquals(lost, []);
      // A slow machine makes few sessions, and its replicas are later.
      const few = Math.max(5, made.size / 50);
      // What the replica did not have yet when its primary was killed.
      assert(lost.length <= few, `${lost.length}`);
      // An end that was told and not acknowledged by the old primary is told again.
      assert(doubled.length <= few, `${doubled.length}`);
      await Promise.all(nodes.map(({ site }) => site.close()));
    },
    { sanitizeOps: false, sanitizeResources: false },
  );
}
