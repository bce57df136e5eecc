// The connection that listens, tested without a Redis.

import { EventEmitter } from "node:events";
import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  fromIoredis,
  fromNodeRedis,
  RedisStore,
} from "../../stores/redis_store.ts";
import type { EndNotification } from "../../stores/store.ts";

/** A client of either kind, with what listening needs. */
class FakeClient extends EventEmitter {
  readonly isCluster: boolean = false;
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

  Deno.test(`${name}() emits an error of the connection that listens as one of the client`, async () => {
    const client = new FakeClient();
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    await adapt(client).subscribe("channel", () => {}, () => {});
    const error = new Error("away");
    client.subscriber.emit("error", error);
    assertEquals(errors.length, 1);
    assertStrictEquals(errors[0], error);
  });
}

for (const isCluster of [false, true]) {
  const right = isCluster
    ? { retryDelayOnFailover: 0 }
    : { autoResendUnfulfilledCommands: false };
  const client = isCluster ? "a cluster" : "a client";
  for (const [set, options] of Object.entries({ with: right, without: {} })) {
    Deno.test(`fromIoredis() finds whether ${client} ${set} its option repeats commands`, () => {
      const adapted = fromIoredis(
        Object.assign(new FakeClient(), { isCluster, options }),
      );
      assertEquals(adapted.repeatsCommands, set === "without");
    });
  }
}

Deno.test("RedisStore.watch() ignores messages that no script has published", async () => {
  const ends: EndNotification[] = [];
  let publish = (_message: string) => {};
  const store = new RedisStore({
    client: {
      send: () => Promise.resolve(),
      subscribe: (_, onMessage) => {
        publish = onMessage;
        return Promise.resolve(() => Promise.resolve());
      },
    },
  });
  const unwatch = await store.watch((end) => ends.push(end));
  publish("hello");
  publish("1\t\\not json\tidle\n2\tabc\t\\[\n3\tabc\tidle");
  // Watchers are called in a microtask.
  await undefined;
  assertEquals(ends, [{ uid: "abc", reason: "idle", at: 3 }]);
  unwatch();
});
