// Crowds of ends are acknowledged together by stores that can do so.

import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Site } from "../../site.ts";
import { Resource } from "../../resource.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { ClaimKey } from "../../stores/store.ts";
import { sessionOf } from "../../testing/contract_checks.ts";

/** A store in memory that notes the acknowledgements it is sent. */
class NotingStore extends MemoryStore {
  readonly together: string[][] = [];
  readonly alone: string[] = [];
  /** How many calls of acknowledgeAll() fail. */
  failures = 0;

  override acknowledge(uid: string, fence: string): boolean {
    this.alone.push(uid);
    return super.acknowledge(uid, fence);
  }

  acknowledgeAll(claims: readonly ClaimKey[]): boolean[] {
    if (this.failures > 0) {
      this.failures--;
      throw new Error("The store is away");
    }
    this.together.push(claims.map(({ uid }) => uid));
    return claims.map(({ uid, fence }) => super.acknowledge(uid, fence));
  }
}

/** Opens a site over sessions that are all due. */
function openSite(
  store: NotingStore,
  count: number,
): { site: Site; told: string[] } {
  for (let index = 0; index < count; index++) {
    store.create(sessionOf(`s${index}`, { sessionTimeout: 1000, idle: 1000 }));
  }
  const told: string[] = [];
  const site = new Site(new Resource(), { store, onError: () => {} });
  site.notifyOnSessionEnd(({ uid }) => void told.push(uid));
  return { site, told };
}

Deno.test("A crowd of ends is acknowledged by few calls, each end once", async () => {
  using time = new FakeTime();
  const store = new NotingStore();
  const { site, told } = openSite(store, 250);
  await time.tickAsync(100);
  await time.runMicrotasks();
  assertEquals(new Set(told).size, 250);
  assertEquals(told.length, 250);
  const acknowledged = [...store.together.flat(), ...store.alone];
  assertEquals(acknowledged.sort(), told.sort());
  assert(store.together.length <= 6 && store.alone.length < 60);
  assertEquals(site.storedEnds?.delivered, 250);
  assertEquals(store.nextIn(), Infinity);
  await site.close();
});

Deno.test("A few ends are acknowledged one by one, at once", async () => {
  using time = new FakeTime();
  const store = new NotingStore();
  const { site, told } = openSite(store, 10);
  await time.tickAsync(100);
  assertEquals([told.length, store.alone.length, store.together], [10, 10, []]);
  await site.close();
});

Deno.test("A crowd whose acknowledgement fails is acknowledged later, and told once", async () => {
  using time = new FakeTime();
  const store = new NotingStore();
  store.failures = 1;
  const { site, told } = openSite(store, 50);
  await time.tickAsync(100);
  await time.runMicrotasks();
  assertEquals([told.length, site.storedEnds?.delivered], [50, 0]);
  await time.tickAsync(1100);
  await time.runMicrotasks();
  assertEquals([told.length, store.nextIn()], [50, Infinity]);
  assertEquals(site.storedEnds?.delivered, 50);
  await site.close();
});
