import { assert, assertEquals } from "@std/assert";
import { Resource, type Session, Site, type SiteOptions } from "../../mod.ts";
import { Crowds } from "../../registry/session_limits.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { Leaf } from "../helpers_http.ts";
import { ManualClock } from "../helpers_session.ts";

/** A full site, to which visitors log in. */
class Crowd implements Disposable {
  readonly clock = new ManualClock();
  readonly site: Site;

  constructor(maxSessions: number, options: SiteOptions = {}) {
    const root = new Resource()
      .putChild(
        "in",
        new Leaf((request) => request.logIn(request.query.get("as")!).uid),
      )
      .putChild("visit", new Leaf((request) => request.getSession().uid));
    this.site = new Site(root, { clock: this.clock, maxSessions, ...options });
  }

  /** Logs a user in by a new browser, a millisecond later. */
  async logIn(name: string): Promise<Session> {
    return await this.#ask(`in?as=${name}`);
  }

  /** A new visitor comes, who does not log in. */
  async come(): Promise<Session> {
    return await this.#ask("visit");
  }

  count(name: string): number {
    return this.site.sessionsOf(name).length;
  }

  [Symbol.dispose](): void {
    this.site[Symbol.dispose]();
  }

  async #ask(path: string): Promise<Session> {
    this.clock.advance(1);
    const response = await this.site.fetch(
      new Request(`http://localhost/${path}`),
    );
    return this.site.getSession(await response.text())!;
  }
}

for (const max of [3, 4, 5, 10, 17, 100]) {
  Deno.test(`SiteOptions.maxSessions ${max} lets no account drive out another`, async () => {
    using crowd = new Crowd(max);
    const alice = await crowd.logIn("alice");

    for (let i = 0; i < 3 * max; i++) await crowd.logIn("mallory");

    assert(alice.isActive);
    assertEquals(crowd.count("mallory"), max - 1);
    assertEquals(crowd.site.sessions.size, max);
  });
}

Deno.test("SiteOptions.maxSessions lets no account drive out another that has many sessions too", async () => {
  using crowd = new Crowd(100);
  for (let i = 0; i < 30; i++) await crowd.logIn("alice");
  for (let i = 0; i < 300; i++) await crowd.logIn("mallory");
  assertEquals([crowd.count("alice"), crowd.count("mallory")], [30, 70]);
});

Deno.test("SiteOptions.maxSessions gives the room of the largest accounts to all others", async () => {
  using crowd = new Crowd(100);
  for (let i = 0; i < 100; i++) await crowd.logIn("mallory");
  const users = [];
  for (let i = 0; i < 60; i++) users.push(await crowd.logIn(`user ${i}`));
  assert(users.every(({ isActive }) => isActive));
  assertEquals(crowd.count("mallory"), 40);
});

Deno.test("SiteOptions.maxSessions evicts the anonymous before a crowd", async () => {
  using crowd = new Crowd(100);
  const visitors = [];
  for (let i = 0; i < 50; i++) visitors.push(await crowd.come());
  for (let i = 0; i < 100; i++) await crowd.logIn("mallory");
  assert(visitors.every(({ isActive }) => !isActive));
  assertEquals(crowd.count("mallory"), 100);
});

Deno.test("SiteOptions.maxSessions evicts of a crowd the sessions that came first", async () => {
  using crowd = new Crowd(20);
  const sessions = [];
  for (let i = 0; i < 25; i++) sessions.push(await crowd.logIn("mallory"));
  assertEquals(
    sessions.map(({ end }) => end?.reason),
    sessions.map((_, i) => i < 5 ? "evicted" : undefined),
  );
});

Deno.test("SiteOptions.maxSessions evicts of a crowd a session that was used lately after those that were not", async () => {
  using crowd = new Crowd(20);
  const first = await crowd.logIn("mallory");
  for (let i = 0; i < 19; i++) await crowd.logIn("mallory");
  crowd.clock.advance(1);
  first.touch();
  for (let i = 0; i < 5; i++) await crowd.logIn("mallory");
  assert(first.isActive);
});

Deno.test("SiteOptions.maxSessions goes by the longest idle where no account has very many sessions", async () => {
  using crowd = new Crowd(100);
  const sessions: Session[] = [];
  for (let i = 0; i < 100; i++) {
    sessions.push(await crowd.logIn(`user ${i % 20}`));
  }
  await crowd.logIn("alice");
  assertEquals(
    sessions.filter(({ isActive }) => !isActive),
    sessions.slice(0, 1),
  );
});

Deno.test("SiteOptions.maxSessions counts the sessions that an account has now", async () => {
  using crowd = new Crowd(100);
  for (let i = 0; i < 50; i++) await crowd.logIn("mallory");
  await crowd.site.endSessions("mallory");
  const first = await crowd.logIn("mallory");
  const others: Session[] = [];
  for (let i = 0; i < 100; i++) others.push(await crowd.logIn(`user ${i}`));
  assertEquals(first.end?.reason, "evicted", "the longest idle");
  assert(others.every(({ isActive }) => isActive));
});

Deno.test("SiteOptions.maxSessions over a store drops the sessions of a crowd from memory, and ends none", async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ clock });
  await using crowd = Object.assign(new Crowd(20, { store, clock }), {
    [Symbol.asyncDispose]: () => crowd.site.close(),
  });
  const alice = await crowd.logIn("alice");
  const ends: string[] = [];
  crowd.site.notifyOnSessionEnd(({ reason }) => ends.push(reason));
  for (let i = 0; i < 60; i++) await crowd.logIn("mallory");
  assertEquals(crowd.site.getSession(alice.uid), alice);
  assertEquals(crowd.site.sessions.size, 20);
  assertEquals(ends, []);
});

Deno.test("Crowds.find() names the largest of all, in any order of changes", () => {
  const crowds = new Crowds(1000);
  const counts = new Map<string, number>();
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  for (let step = 0; step < 20_000; step++) {
    const principal = String(random(12));
    const before = counts.get(principal) ?? 0;
    const count = random(100) < 48 && before > 0 ? before - 1 : before + 1;
    counts.set(principal, count);
    crowds.note(principal, count, before);
    const largest = Math.max(...counts.values());
    const found = crowds.find();
    assertEquals(found === undefined, largest <= 8);
    if (found !== undefined) assertEquals(counts.get(found), largest);
  }
});

Deno.test("Crowds.find() finds none once all sessions have ended", () => {
  const crowds = new Crowds(1000);
  for (let i = 0; i < 1000; i++) crowds.note("mallory", i + 1, i);
  for (let i = 1000; i > 0; i--) crowds.note("mallory", i - 1, i);
  assertEquals(crowds.find(), undefined);
});
