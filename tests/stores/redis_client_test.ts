// The connection that listens, where no Redis is needed to see what it does.

import { EventEmitter } from "node:events";
import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  fromIoredis,
  fromNodeRedis,
  RedisStore,
} from "../../stores/redis_store.ts";
import type { EndNews } from "../../stores/store.ts";

/** What both kinds of clients have, as far as listening goes. */
class FakeClient extends EventEmitter {
  readonly isCluster = false;
  readonly subscriber = Object.assign(new EventEmitter(), {
    connect: () => Promise.resolve(),
    subscribe: () => Promise.resolve(),
    destroy() {},
    disconnect() {},
  });

  duplicate() {
    return this.subscriber;
  }

  call(): Promise<unknown> {
    return Promise.resolve();
  }

  sendCommand(): Promise<unknown> {
    return Promise.resolve();
  }
}

const ADAPTERS = { fromIoredis, fromNodeRedis };

for (const [name, adapt] of Object.entries(ADAPTERS)) {
  Deno.test(`${name}() survives an error of the connection that listens, without a listener`, async () => {
    const client = new FakeClient();
    await adapt(client).subscribe("channel", () => {}, () => {});
    client.subscriber.emit("error", new Error("away"));
  });

  Deno.test(`${name}() tells the client's listeners of an error of the connection that listens`, async () => {
    const client = new FakeClient();
    const told: unknown[] = [];
    client.on("error", (error) => told.push(error));
    await adapt(client).subscribe("channel", () => {}, () => {});
    const error = new Error("away");
    client.subscriber.emit("error", error);
    assertEquals(told.length, 1);
    assertStrictEquals(told[0], error);
  });
}

Deno.test("RedisStore.watch() passes over what no script has published", async () => {
  const ends: EndNews[] = [];
  let tell = (_message: string) => {};
  const store = new RedisStore({
    client: {
      send: () => Promise.resolve(),
      subscribe: (_, onMessage) => {
        tell = onMessage;
        return Promise.resolve(() => Promise.resolve());
      },
    },
  });
  const unwatch = await store.watch((news) => ends.push(news));
  tell("hello");
  tell("1\t\\not json\tidle\n2\tabc\t\\[\n3\tabc\tidle");
  assertEquals(ends, [{ uid: "abc", reason: "idle", at: 3 }]);
  unwatch();
});
