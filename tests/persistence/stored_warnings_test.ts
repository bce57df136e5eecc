// Warnings by a function, of sessions in a store: session.notifyBeforeEnd(60, warn).

import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { MemoryStore } from "../../stores/memory_store.ts";
import { after, asynchronous, cookieOf, Node, pass } from "../helpers_store.ts";

/** A node over a store, with a page that registers a warning. */
function nodeOf(
  seconds = 60,
  sessionTimeout = 600,
  store = asynchronous(new MemoryStore()),
) {
  const warned: number[] = [];
  /** The ends that were warned of, in UNIX seconds. */
  const warnedOf: number[] = [];
  const node = new Node(store, { sessionTimeout });
  node
    .page("in", (request) => {
      const session = request.getSession();
      session.notifyBeforeEnd(seconds, ({ expiresAt }) => {
        warnedOf.push(Math.round(expiresAt));
        warned.push(Math.round(expiresAt - Date.now() / 1000));
      });
      return session.uid;
    })
    .page("visit", (request) => request.getSession().uid)
    .page("late", async (request) => {
      await after(30_000);
      return request.getSession().uid;
    })
    .page("look", async (request) => {
      await after(Number(request.query.get("lasts")));
      return `${request.session?.uid}`;
    });
  return Object.assign(node, { warned, warnedOf });
}

/** Milliseconds that a page which only looks is under way, from 530 s on. */
for (const lasts of [5000, 15_000, 90_000]) {
  Deno.test(`Session.notifyBeforeEnd() over a store warns in time though a page that only looks is under way for ${lasts} ms`, async () => {
    using time = new FakeTime();
    await using node = nodeOf();
    const cookie = cookieOf(await node.get("in"));
    await pass(time, 530_000);
    const looking = node.get(`look?lasts=${lasts}`, cookie);
    await pass(time, 14_000);
    assertEquals(node.warned.length, 1);
    assertEquals(Math.abs(node.warned[0]! - 58) <= 2, true);
    await pass(time, 110_000);
    await looking;
    assertEquals(node.warned.length, 1);
    assertEquals(node.reasons, ["idle"]);
  });
}

Deno.test("Session.notifyBeforeEnd() over a store warns once though pages that only look come after the warning", async () => {
  using time = new FakeTime();
  await using node = nodeOf();
  const cookie = cookieOf(await node.get("in"));
  await pass(time, 545_000);
  assertEquals(node.warned.length, 1);
  for (let looks = 0; looks < 3; looks++) {
    const looking = node.get("look?lasts=5000", cookie);
    await pass(time, 6000);
    await looking;
  }
  assertEquals(node.warned.length, 1);
  await pass(time, 60_000);
  assertEquals(node.warned.length, 1);
  assertEquals(node.reasons, ["idle"]);
});

Deno.test("Session.notifyBeforeEnd() over a store warns of the later end while a page that only looks outlasts both ends", async () => {
  using time = new FakeTime();
  await using node = nodeOf();
  const cookie = cookieOf(await node.get("in"));
  await pass(time, 530_000);
  const looking = node.get("look?lasts=700000", cookie);
  await pass(time, 500_000);
  assertEquals(node.warned.length, 1);
  await pass(time, 60_000);
  assertEquals(node.warned.length, 2);
  await pass(time, 200_000);
  await looking;
  assertEquals(node.warned.length, 2);
  assertEquals(node.reasons, ["idle"]);
});

Deno.test("Session.notifyBeforeEnd() over a store warns of the later end though it is less than a second later", async () => {
  using time = new FakeTime();
  await using node = nodeOf(0.2, 600.5);
  const cookie = cookieOf(await node.get("in"));
  await pass(time, 300);
  const looking = node.get("look?lasts=630000", cookie);
  await pass(time, 640_000);
  await looking;
  assertEquals(node.warnedOf.length, 2);
  assertEquals(node.reasons, ["idle"]);
});

Deno.test("Session.notifyBeforeEnd() over a store warns of the later end when a page has visited late", async () => {
  using time = new FakeTime();
  await using node = nodeOf();
  const cookie = cookieOf(await node.get("in"));
  await pass(time, 535_000);
  const visiting = node.get("late", cookie);
  await pass(time, 60_000);
  await visiting;
  assertEquals(node.reasons, []);
  await pass(time, 515_000);
  assertEquals(node.warned.length, 2);
  await pass(time, 60_000);
  assertEquals(node.reasons, ["idle"]);
});

/** Milliseconds that a page which only looks is under way, from 590 s on. */
for (const lasts of [5000, 50_000]) {
  Deno.test(`Session.notifyBeforeEnd() over a store warns of no end twice though the touch of a page that only looks for ${lasts} ms was warned of`, async () => {
    using time = new FakeTime();
    // Due half a second after each touch.
    await using node = nodeOf(599.5);
    const cookie = cookieOf(await node.get("in"));
    await pass(time, 590_000);
    assertEquals(node.warnedOf.length, 1);
    const looking = node.get(`look?lasts=${lasts}`, cookie);
    await pass(time, 60_000);
    await looking;
    await pass(time, 600_000);
    assertEquals(node.warnedOf.map((end) => end - node.warnedOf[0]!), [0, 590]);
    assertEquals(node.reasons, ["idle"]);
  });
}

Deno.test("Session.notifyBeforeEnd() over a store warns of no end twice though many pages look one after another", async () => {
  using time = new FakeTime();
  await using node = nodeOf(599.5);
  const cookie = cookieOf(await node.get("in"));
  await pass(time, 10_000);
  for (let looks = 0; looks < 40; looks++) {
    const looking = node.get("look?lasts=5000", cookie);
    await pass(time, 10_000);
    await looking;
  }
  await pass(time, 300_000);
  assertEquals(node.warnedOf.length, new Set(node.warnedOf).size);
  assertEquals(node.reasons, ["idle"]);
});

Deno.test("Session.notifyBeforeEnd() over a store warns of an end that another process has postponed while a page looks", async () => {
  using time = new FakeTime();
  const store = asynchronous(new MemoryStore());
  await using one = nodeOf(60, 600, store);
  await using two = nodeOf(60, 600, store);
  const cookie = cookieOf(await one.get("in"));
  await pass(time, 300_000);
  const looking = one.get("look?lasts=1200000", cookie);
  await pass(time, 550_000);
  await two.get("visit", cookie);
  await pass(time, 535_000);
  assertEquals(one.warned.length, 2);
  await pass(time, 10_000);
  assertEquals(one.warned.length, 3);
  assertEquals(one.reasons.concat(two.reasons), []);
  await pass(time, 110_000);
  assertEquals(one.reasons.concat(two.reasons), ["idle"]);
  await looking;
});
