// What is left of sessions in a store when the process that knew them has died.

import { assert, assertEquals, assertGreater } from "@std/assert";
import { Site, type SiteRequest } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { TestClock, TestSite } from "../../testing.ts";
import { Leaf } from "../helpers_http.ts";
import { asynchronous } from "../helpers_store.ts";

const KINDS: Record<string, (clock: TestClock) => SessionStore> = {
  "a store": (clock) => new MemoryStore({ clock }),
  "a store that has to be waited for": (clock) =>
    asynchronous(new MemoryStore({ clock })),
};

/** A site over a store that tells what happened to it. */
class Crashing implements AsyncDisposable {
  readonly clock = new TestClock();
  readonly told: string[] = [];
  readonly test: TestSite;
  life = 0;
  /** What the callback by name waits for. */
  release: () => unknown = () => {};

  constructor(
    makeStore: (clock: TestClock) => SessionStore,
    render: (request: SiteRequest, it: Crashing) => string,
  ) {
    const make = (options: ConstructorParameters<typeof Site>[1]) => {
      const life = ++this.life;
      const site = new Site(
        new Leaf((request) => render(request, this)),
        options,
      );
      site.onEnd("release", (seat) => {
        this.told.push(`life ${life} releases ${seat}`);
        return this.release();
      });
      return site;
    };
    this.test = new TestSite(make, {
      clock: this.clock,
      store: makeStore(this.clock),
      sessionTimeout: 60,
      endLease: 10,
    });
  }

  async see(): Promise<string> {
    return await (await this.test.fetch("/")).text();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.test[Symbol.asyncDispose]();
  }
}

function countVisits(request: SiteRequest): string {
  const session = request.getSession();
  const count = (session.get<number>("count") ?? 0) + 1;
  session.set("count", count);
  return `${session.uid} ${count}`;
}

function book(request: SiteRequest, it: Crashing): string {
  const session = request.getSession();
  session.notifyOnExpire(() => it.told.push("a closure"));
  session.signal.addEventListener("abort", () => it.told.push("a signal"));
  session.notifyOnExpire("release", 7);
  return session.uid;
}

for (const [kind, makeStore] of Object.entries(KINDS)) {
  Deno.test(`TestSite.crash() over ${kind} leaves the sessions to the new site`, async () => {
    await using it = new Crashing(makeStore, countVisits);
    const [uid] = (await it.see()).split(" ");
    await it.test.advance(50);
    it.test.crash();
    assertEquals(await it.see(), `${uid} 2`);
    await it.test.advance(59.9);
    assertEquals(it.test.ends, []);
    await it.test.advance(0.1);
    assertEquals(it.test.ends.map((end) => [end.uid, end.reason]), [
      [uid, "idle"],
    ]);
    assertEquals(it.test.errors, []);
  });

  Deno.test(`TestSite.crash() over ${kind} calls callbacks by name, and none of the dead process`, async () => {
    await using it = new Crashing(makeStore, book);
    await it.see();
    it.test.crash();
    await it.test.advance(60);
    assertEquals(it.told, ["life 2 releases 7"]);
    assertEquals(it.test.ends.length, 1);
  });

  Deno.test(`TestSite.crash() over ${kind} has an end told again that was being told`, async () => {
    await using it = new Crashing(makeStore, book);
    it.release = () => new Promise(() => {});
    await it.see();
    await it.test.advance(60);
    assertEquals(it.told, ["a signal", "a closure", "life 1 releases 7"]);
    it.test.crash();
    it.release = () => {};
    await it.test.advance(9);
    assertEquals(it.told.length, 3);
    await it.test.advance(2);
    assertEquals(it.told.slice(3), ["life 2 releases 7"]);
    assertEquals(it.test.ends.map(({ reason }) => reason), ["idle", "idle"]);
    const { lateness } = it.test.ends[1]!;
    assert(lateness !== undefined);
    assertGreater(lateness, 9);
  });

  Deno.test(`TestSite.crash() over ${kind} cuts the old site off from the store`, async () => {
    await using it = new Crashing(makeStore, countVisits);
    await it.see();
    const { session, site } = it.test;
    it.test.crash();
    session!.set("count", 100);
    session!.expire();
    await site.close();
    await it.test.advance(1);
    assertEquals((await it.see()).split(" ")[1], "2");
    assertEquals(it.test.ends, []);
    assertEquals(it.test.errors, []);
  });
}
