/**
 * The helpers of the tests of sites over each store.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { SessionEnd, SiteOptions } from "../../mod.ts";
import type { SessionStore } from "../../stores/store.ts";
import { SOON } from "../helpers_process.ts";
import { after, cookieOf, Node } from "../helpers_store.ts";

/** A node with pages that count visits, log in and log out. */
export function makeNode(
  store: SessionStore,
  options: SiteOptions = {},
): Node {
  return new Node(store, options)
    .page("count", (request) => {
      const session = request.getSession();
      const count = (session.get<number>("count") ?? 0) + 1;
      session.set("count", count);
      return `${count}`;
    })
    .page("who", ({ session }) => session?.principal ?? "nobody")
    .page("renew", (request) => request.renewSession().uid)
    .page("login", (request) => request.logIn(request.query.get("as")!).uid)
    .page("logout", (request) => {
      request.getSession().expire();
      return "";
    });
}

/** Fails unless nodes with stores over the same records share a session and its end. */
export async function assertShared(
  store: SessionStore,
  otherStore: SessionStore,
): Promise<void> {
  await using node = makeNode(store);
  await using other = makeNode(otherStore);

  const first = await node.get("count");
  assertEquals(await first.text(), "1");
  const cookie = cookieOf(first);
  assertEquals(await (await other.get("count", cookie)).text(), "2");
  assertEquals(await (await node.get("count", cookie)).text(), "3");

  const [live] = other.site.sessions.values();
  assert(live !== undefined);
  using _ = keepAwake();
  // A load that finds the session gone does not know why, before it is notified.
  await becomes(() => live.get("count") === 3, "the value of the first node");
  const ended = live.ended;
  await (await node.get("logout", cookie)).text();
  assertEquals((await ended).reason, "logout");
  assertEquals(await (await other.get("count", cookie)).text(), "1");
  await Promise.all([node.site.close(), other.site.close()]);
  assertEquals([...node.reasons, ...other.reasons], ["logout"]);
  assertEquals([...node.errors, ...other.errors], []);
}

/**
 * Fails unless nodes with stores over the same records begin another session at a
 * login by a token that the other node has replaced.
 */
export async function assertOldTokensLogInApart(
  store: SessionStore,
  otherStore: SessionStore,
): Promise<void> {
  await using node = makeNode(store);
  await using other = makeNode(otherStore);
  const visit = async (from: Node, path: string, cookie?: string) => {
    const response = await from.get(path, cookie);
    await response.body?.cancel();
    return response;
  };
  const who = async (cookie: string) => [
    await (await node.get("who", cookie)).text(),
    await (await other.get("who", cookie)).text(),
  ];

  const old = cookieOf(await visit(node, "count"));
  const current = cookieOf(await visit(node, "renew", old));
  // Shown to one node, it makes the old one previous for both.
  assertEquals(await who(current), ["nobody", "nobody"]);
  const alices = cookieOf(await visit(other, "login?as=alice", old));
  assertEquals(await who(alices), ["alice", "alice"]);
  assertEquals(await who(current), ["nobody", "nobody"]);

  const mallorys = cookieOf(await visit(other, "login?as=mallory", current));
  assertNotEquals(mallorys, current);
  const apart = cookieOf(await visit(node, "login?as=alice", current));
  assertEquals(await who(apart), ["alice", "alice"]);
  assertEquals(await who(mallorys), ["mallory", "mallory"]);
  assertEquals([...node.errors, ...other.errors], []);
}

/** Keeps the process alive, which a site does not, until it is disposed of. */
function keepAwake(): Disposable {
  const timer = setInterval(() => {}, 1000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Resolves when a fact holds; fails if it does not within `SOON`. */
async function becomes(fact: () => boolean, name: string): Promise<void> {
  const began = Date.now();
  while (!fact()) {
    assert(Date.now() - began < SOON, `never: ${name}`);
    await after(20);
  }
}

/**
 * Fails unless a live session of one node sees what the other node changes, and its
 * stream is closed when the other node supersedes the token.
 */
export async function assertSeenElsewhere(
  store: SessionStore,
  otherStore: SessionStore,
): Promise<void> {
  await using node = makeNode(store).page(
    "stream",
    (request) => request.getSession().events(request).response,
  );
  await using other = makeNode(otherStore);
  const first = await node.get("count");
  await first.text();
  const cookie = cookieOf(first);
  const [live] = node.site.sessions.values();
  const stream = (await node.get("stream", cookie)).text();

  await (await other.get("count", cookie)).text();
  await becomes(() => live!.get("count") === 2, "the value of the other node");
  await (await other.get("login?as=alice", cookie)).text();
  await becomes(() => live!.principal === "alice", "the principal");
  assertEquals(node.site.sessionsOf("alice"), [live!]);
  // The token of the stream is superseded, so it is closed.
  await stream;
  await (await other.get("count", cookie)).text();
  assertEquals([...node.errors, ...other.errors], []);
}

/** Fails unless sessions that vanish from a store end as lost, each once. */
export async function assertLost(
  stores: readonly [SessionStore, SessionStore],
  empty: () => void | Promise<void>,
): Promise<void> {
  const billed: unknown[] = [];
  const makeLosing = (store: SessionStore) => {
    const node = makeNode(store, { sessionTimeout: 1 });
    node.site.onEnd("bill", (uid) => void billed.push(uid));
    return node.page("begin", (request) => {
      const { uid } = request.getSession();
      request.getSession().notifyOnExpire("bill", uid);
      return uid;
    });
  };
  await using node = makeLosing(stores[0]);
  await using other = makeLosing(stores[1]);
  await Promise.all([node.site.ready, other.site.ready]);
  const uids: string[] = [];
  for (let visitor = 0; visitor < 20; visitor++) {
    const first = await node.get("begin");
    uids.push(await first.text());
    await (await other.get("who", cookieOf(first))).text();
  }
  await empty();
  const ends = () => [...node.ends, ...other.ends];
  using _ = keepAwake();
  await becomes(() => ends().length >= uids.length, "the ends");
  await becomes(() => billed.length >= uids.length, "the named callbacks");
  // Time for an end to be delivered again.
  await after(1500);
  assertEquals(ends().map(({ uid }) => uid).sort(), uids.toSorted());
  assertEquals(new Set(ends().map(({ reason }) => reason)), new Set(["lost"]));
  assertEquals(billed.toSorted(), uids.toSorted());
  const reports = [...node.errors, ...other.errors].map(String);
  assert(reports.some((report) => /vanished from the store/.test(report)));
}

/**
 * Fails unless nodes with stores over the same records give a key to one holder,
 * and call the callback of a hold once and on time, though its node is gone.
 */
export async function assertHeld(
  store: SessionStore,
  otherStore: SessionStore,
): Promise<void> {
  const calls: SessionEnd[] = [];
  const called = Promise.withResolvers<void>();
  await using node = new Node(store);
  await using other = new Node(otherStore);
  for (const { site } of [node, other]) {
    site.onEnd("free", (_, end) => {
      calls.push(end);
      called.resolve();
    });
  }
  const { sessions } = node.site;
  const taker = other.site.sessions.create();
  const session = sessions.create();
  const hold = await session.hold("seat", { seconds: 0.5, then: "free" });
  assertEquals(await taker.hold("seat"), undefined);
  await node.site.close();
  using _ = keepAwake();
  await called.promise;
  const { reason, lateness, hold: ended } = calls[0]!;
  assertEquals(reason, "absolute");
  assert(lateness! < SOON / 1000, `${lateness} s late`);
  const { uid } = session;
  assertEquals(ended, { key: "seat", fence: hold!.fence, holder: uid });
  let next: Awaited<ReturnType<typeof taker.hold>>;
  while (next === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    next = await taker.hold("seat");
  }
  assert(next.fence > hold!.fence);
  assertEquals(calls.length, 1);
  assertEquals([...node.errors, ...other.errors], []);
}

/**
 * Fails unless nodes with stores over the same records tell once that a visitor is
 * present, away, present again and offline, and nothing while the visitor changes
 * from one node to the other.
 */
export async function assertPresent(
  store: SessionStore,
  otherStore: SessionStore,
): Promise<void> {
  const told: string[] = [];
  const nodes = [store, otherStore].map((each) => {
    const node = makeNode(each, { awayAfter: 1.5 }).page(
      "stream",
      (request) => request.session!.events(request).response,
    );
    node.site.sessions.onPresence(({ principal, state }) => {
      told.push(`${principal} ${state}`);
    });
    return node;
  });
  await using node = nodes[0]!;
  await using other = nodes[1]!;
  await Promise.all([node.site.ready, other.site.ready]);
  using _ = keepAwake();
  const response = await node.get("login?as=ann");
  const cookie = cookieOf(response);
  await response.text();
  for (const each of [node, other, node]) {
    const { body } = await each.get("stream", cookie);
    await after(2000);
    await body!.cancel();
  }
  assertEquals(told, ["ann present"]);
  await becomes(() => told.length > 1, "away");
  assertEquals(await node.site.sessions.presence("ann"), "away");
  await (await other.get("count", cookie)).text();
  await becomes(() => told.length > 2, "present again");
  await (await node.get("logout", cookie)).text();
  await becomes(() => told.length > 3, "offline");
  await after(2000);
  assertEquals(told, ["ann present", "ann away", "ann present", "ann offline"]);
  assertEquals([...node.errors, ...other.errors], []);
}

/** Fails unless nodes count the sessions of both, without holds, and list each other. */
export async function assertCounted(
  store: SessionStore,
  otherStore: SessionStore,
): Promise<void> {
  await using node = makeNode(store);
  await using other = makeNode(otherStore);
  const { sessions } = node.site;
  await Promise.all([sessions.ready, other.site.sessions.ready]);
  for (const one of [node, other]) await (await one.get("count")).text();
  await sessions.hold("report", { seconds: 60 });
  assertEquals(await sessions.countStored(), { sessions: 2, ends: 0 });

  // A busy machine takes longer than a second to answer.
  while ((await sessions.listProcesses()).length < 2) await after(20);
  const processes = await sessions.listProcesses();
  assertEquals(processes.map(({ isThis }) => isThis).sort(), [false, true]);
  const now = Date.now() / 1000;
  for (const { name, startedAt, seenAt } of processes) {
    assertEquals(name, `process ${Deno.pid} on ${Deno.hostname()}`);
    assert(startedAt <= seenAt && seenAt <= now + 1, `${startedAt} ${seenAt}`);
  }

  await other.site.close();
  assertEquals((await sessions.listProcesses()).length, 1);
}
