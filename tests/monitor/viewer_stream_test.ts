// The monitor's events end with the session or the login of their viewer.

import { assert, assertEquals } from "@std/assert";
import {
  Guard,
  LoginGuard,
  passwordCheck,
  Resource,
  SessionGuard,
  Site,
  type SiteOptions,
} from "../../mod.ts";
import { SessionMonitor } from "../../monitor/mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { TestSite, type TestVisitor } from "../../testing.ts";
import { login } from "../helpers_guard.ts";
import { Leaf } from "../helpers_http.ts";
import { EventReader } from "../helpers_streams.ts";

const admin = login("admin", "pw");

/** A monitor behind a guard, and pages to log in and out. */
function monitored(
  guard: (monitor: Resource) => Resource,
): (options: SiteOptions) => Site {
  return (options) => {
    const root = new Resource();
    const site = new Site(root, options);
    root.putChild("monitor", guard(new SessionMonitor(site)))
      .putChild("in", new Leaf((request) => request.logIn("admin").uid))
      .putChild("out", new Leaf((request) => (request.logOut(), "")));
    return site;
  };
}

const sessionGuarded = monitored((monitor) =>
  new SessionGuard(monitor, passwordCheck({ admin: "pw" }), { realm: "x" })
);

/** Opens the events, and reads the first message. */
async function watch(
  visitor: TestVisitor,
  init: RequestInit = {},
): Promise<EventReader> {
  const reader = new EventReader(await visitor.fetch("/monitor/events", init));
  assertEquals(reader.response.status, 200);
  assert((await reader.next())![0]!.startsWith("data: {"));
  return reader;
}

/** Whether a stream tells of a visitor. */
function tellsOf(events: readonly string[][], name: string): boolean {
  return events.some((lines) => lines.join("").includes(name));
}

/** A new visitor of the site. */
function bob({ site }: TestSite): void {
  const session = site.makeSession();
  session.principal = "bob-the-visitor";
}

for (
  const [how, end] of [
    ["logs out", (_, visitor) => visitor.fetch("/out")],
    ["is logged out elsewhere", ({ site }) => site.endSessions("admin")],
    ["ends", (_, visitor) => visitor.session!.expire()],
    ["idles out", (testSite) => testSite.advance(900)],
    ["logs in anew", (_, visitor) => visitor.fetch("/in")],
  ] as [string, (testSite: TestSite, visitor: TestVisitor) => unknown][]
) {
  for (const kind of ["in this process alone", "over a store"]) {
    Deno.test(`SessionMonitor's events end at once when the viewer's session ${how}, ${kind}`, async () => {
      await using testSite = new TestSite(
        sessionGuarded,
        kind === "over a store" ? { store: new MemoryStore() } : {},
      );
      const visitor = testSite.visitor();
      await visitor.fetch("/monitor", admin);
      const events = await watch(visitor);

      await end(testSite, visitor);
      bob(testSite);
      const rest = events.rest();
      await testSite.advance(2);

      assertEquals(tellsOf(await rest, "bob-the-visitor"), false);
    });
  }
}

Deno.test("SessionMonitor's events end within a second when the login is taken from the session", async () => {
  await using testSite = new TestSite(sessionGuarded);
  const visitor = testSite.visitor();
  await visitor.fetch("/monitor", admin);
  const events = await watch(visitor);

  visitor.session!.principal = undefined;
  await testSite.advance(1);

  const rest = await events.rest();
  assertEquals(rest.at(-1), ["retry: 200"]);
  assert(visitor.session!.isActive);
});

Deno.test("SessionMonitor's events end when the session gets another principal", async () => {
  await using testSite = new TestSite(sessionGuarded);
  const visitor = testSite.visitor();
  await visitor.fetch("/monitor", admin);
  const events = await watch(visitor);

  visitor.session!.principal = undefined;
  visitor.session!.principal = "mallory";
  await testSite.advance(1);

  assertEquals((await events.rest()).at(-1), ["retry: 200"]);
});

for (
  const [name, guard, init] of [
    [
      "Guard",
      (monitor) =>
        new Guard(monitor, passwordCheck({ admin: "pw" }), { realm: "x" }),
      admin,
    ],
    ["LoginGuard", (monitor) => new LoginGuard(monitor), {}],
  ] as [string, (monitor: Resource) => Resource, RequestInit][]
) {
  Deno.test(`SessionMonitor's events behind a ${name} end after five minutes, so that it is asked again`, async () => {
    await using testSite = new TestSite(monitored(guard));
    const visitor = testSite.visitor();
    await visitor.fetch("/in");
    const events = await watch(visitor, init);
    let rest: string[][] | undefined;
    const reading = events.rest().then((events) => void (rest = events));

    await testSite.advance(299);
    assertEquals(rest, undefined);
    await testSite.advance(1);
    await reading;

    assertEquals(rest!.at(-1), ["retry: 200"]);
    await (await watch(visitor, init)).leave();
  });
}

Deno.test("SessionMonitor's events of a viewer who may look again tell all", async () => {
  await using testSite = new TestSite(sessionGuarded);
  const visitor = testSite.visitor();
  await visitor.fetch("/monitor", admin);
  const events = await watch(visitor);
  bob(testSite);
  await testSite.advance(5);
  for (;;) {
    const lines = await events.next();
    assert(lines !== undefined, "bob is not told of");
    if (lines.join("").includes("bob-the-visitor")) break;
  }
  await events.leave();
});

Deno.test("SessionMonitor's events leave nothing behind when their session ends", async () => {
  await using testSite = new TestSite(sessionGuarded);
  const visitor = testSite.visitor();
  await visitor.fetch("/monitor", admin);
  const streams = [await watch(visitor), await watch(visitor)];
  await visitor.fetch("/out");
  for (const stream of streams) await stream.rest();
  // There is room for as many viewers as before.
  await visitor.fetch("/monitor", admin);
  for (let i = 0; i < 32; i++) {
    const response = await visitor.fetch("/monitor/events");
    assertEquals(response.status, 200);
  }
  assertEquals((await visitor.fetch("/monitor/events")).status, 503);
});

Deno.test("SessionMonitor's events do not keep their viewer's session from idling out", async () => {
  await using testSite = new TestSite(sessionGuarded);
  const visitor = testSite.visitor();
  await visitor.fetch("/monitor", admin);
  await testSite.advance(600);
  const events = await watch(visitor);
  await testSite.advance(300);
  await events.rest();
  assertEquals(testSite.ends.map(({ reason }) => reason), ["idle"]);
});

Deno.test("SessionMonitor's pages keep their viewer logged in", async () => {
  await using testSite = new TestSite(sessionGuarded);
  const visitor = testSite.visitor();
  await visitor.fetch("/monitor", admin);
  for (let i = 0; i < 3; i++) {
    await testSite.advance(600);
    assertEquals((await visitor.fetch("/monitor")).status, 200);
  }
});
