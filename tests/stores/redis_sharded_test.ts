// Notifications by sharded pub/sub, over a real cluster.

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { RedisClient } from "../../stores/redis/client.ts";
import { RedisStore } from "../../stores/redis_store.ts";
import { NODE, sessionOf } from "../../testing/contract_checks.ts";
import { SOON } from "../helpers_process.ts";
import { RedisCluster, testWithRedis } from "../helpers_redis.ts";
import { repeatedIfStalled } from "../helpers_stalls.ts";
import { connectNodeCluster, openStore, pause } from "./helpers_redis_store.ts";
import { assertSeenElsewhere, assertShared } from "./helpers_store_site.ts";

const OPTIONS = { shards: 6, shardedNotifications: true };
const FULL = ["--cluster-require-full-coverage", "no"];

/** Counts the messages that nodes of a cluster have sent each other. */
async function countPassedOn(cluster: RedisCluster): Promise<number> {
  const infos = await Promise.all(
    cluster.servers.map((server) => server.cli("CLUSTER", "INFO")),
  );
  return infos.reduce((sum, info) => {
    const [, sent = 0] = /messages_publish_sent:(\d+)/.exec(info) ?? [];
    return sum + Number(sent);
  }, 0);
}

testWithRedis(
  "RedisStore with sharded notifications has nodes pass none on",
  async () => {
    await using cluster = await RedisCluster.start({ settings: FULL });
    for (const [sharded, isPassedOn] of [[false, true], [true, false]]) {
      const options = { shards: 6, shardedNotifications: sharded! };
      const open = () =>
        openStore(() => connectNodeCluster(cluster.servers), {
          ...options,
          prefix: `sharded-${sharded}`,
        });
      await using first = await open();
      await using second = await open();
      const ended = new Set<string>();
      const stop = await second.store.watch(({ uid }) => void ended.add(uid));
      const before = await countPassedOn(cluster);
      // In all shards.
      const uids = Array.from({ length: 30 }, (_, i) => `session-${i}`);
      for (const uid of uids) {
        await first.store.create(sessionOf(uid));
        await first.store.end(uid, "logout", NODE);
      }
      const latest = Date.now() + SOON;
      while (ended.size < uids.length && Date.now() < latest) await pause(20);
      assertEquals([...ended].sort(), uids.sort());
      assertEquals(await countPassedOn(cluster) > before, isPassedOn);
      stop();
    }
  },
);

testWithRedis(
  "Sites with sharded notifications see ends and changes of each other",
  async (t) => {
    await using cluster = await RedisCluster.start({
      settings: [...FULL, "--appendonly", "yes"],
      replicas: 1,
    });
    const open = () =>
      openStore(() => connectNodeCluster(cluster.servers), OPTIONS);
    await using first = await open();
    await using second = await open();
    for (
      const [name, run] of Object.entries({ assertShared, assertSeenElsewhere })
    ) {
      await t.step(
        name,
        repeatedIfStalled(() => run(first.store, second.store)),
      );
    }
  },
);

testWithRedis(
  "RedisStore with sharded notifications watches the other shards while a node is away",
  async () => {
    await using cluster = await RedisCluster.start({ settings: FULL });
    const open = () =>
      openStore(() => connectNodeCluster(cluster.servers), OPTIONS);
    await using first = await open();
    await using second = await open();
    await cluster.servers[0]!.kill();
    const ended = new Set<string>();
    const watch = () =>
      Promise.allSettled(
        second.store.parts.map((part) =>
          part.watch(({ uid }) => void ended.add(uid))
        ),
      );
    let count = 0;
    /** Ends a session in each of some shards, and waits for the notifications. */
    const endIn = async (places: readonly number[]) => {
      const left = new Set(places);
      const uids: string[] = [];
      for (; left.size > 0; count++) {
        const uid = `session-${count}`;
        const part = first.store.partOf(uid);
        if (!left.delete(first.store.parts.indexOf(part))) continue;
        await first.store.create(sessionOf(uid));
        await first.store.end(uid, "logout", NODE);
        uids.push(uid);
      }
      const latest = Date.now() + SOON;
      const isMissing = (uid: string) => !ended.has(uid);
      while (uids.some(isMissing) && Date.now() < latest) await pause(20);
      assertEquals(uids.filter(isMissing), []);
    };

    const watched = await watch();
    const there = [...watched.keys()]
      .filter((place) => watched[place]!.status === "fulfilled");
    assert(there.length > 0 && there.length < watched.length);
    await endIn(there);

    const [victim] = cluster.servers;
    await victim!.restart();
    // It serves its slots when the others have noticed it.
    while (!(await victim!.cli("CLUSTER", "INFO")).includes("state:ok")) {
      await pause(100);
    }
    let again = await watch();
    while (again.some(({ status }) => status === "rejected")) {
      again = await watch();
    }
    await endIn([...watched.keys()]);
    for (const one of [...watched, ...again]) {
      if (one.status === "fulfilled") one.value();
    }
  },
);

testWithRedis(
  "RedisStore with sharded notifications gets them from a replica that takes over",
  async () => {
    await using cluster = await RedisCluster.start({
      settings: [
        ...FULL,
        // The replica takes over soon.
        ...["--cluster-node-timeout", "2000"],
        ...["--repl-diskless-sync-delay", "0"],
      ],
      replicas: 1,
    });
    await cluster.untilReplicated();
    const open = () =>
      openStore(() => connectNodeCluster(cluster.servers), OPTIONS);
    await using first = await open();
    await using second = await open();
    const ended = new Set<string>();
    const { parts } = second.store;
    const stops = await Promise.all(
      parts.map((part) => part.watch(({ uid }) => void ended.add(uid))),
    );
    await cluster.servers[0]!.kill();
    // It takes some seconds.
    const latest = Date.now() + 60_000;
    const left = new Set(parts.keys());
    for (let count = 0; left.size > 0 && Date.now() < latest; count++) {
      const uid = `session-${count}`;
      const place = first.store.parts.indexOf(first.store.partOf(uid));
      if (!left.has(place)) continue;
      try {
        await first.store.create(sessionOf(uid));
        await first.store.end(uid, "logout", NODE);
      } catch {
        // The primary is away.
      }
      await pause(100);
      if (ended.has(uid)) left.delete(place);
    }
    assertEquals([...left], []);
    for (const stop of stops) stop();
  },
);

Deno.test("RedisStore refuses sharded notifications of a single Redis", () => {
  const client: RedisClient = {
    send: () => Promise.resolve(null),
    subscribe: () => Promise.resolve(() => Promise.resolve()),
  };
  assertThrows(
    () => new RedisStore({ client, shardedNotifications: true }),
    RangeError,
    "shardedNotifications needs a cluster client of npm:redis",
  );
});
