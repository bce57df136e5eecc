// What a site tells of the sessions that it makes, and how late one has ended.

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Session } from "../../mod.ts";
import {
  Errors,
  lasting,
  ManualClock,
  onlySession,
  requestWith,
  settle,
  siteOf,
  visit,
} from "../helpers_session.ts";

Deno.test("Site.notifyOnSessionStart() tells of a session that a request makes", () => {
  using site = siteOf();
  const made: Session[] = [];
  site.notifyOnSessionStart((session) => made.push(session));
  visit(site);
  assertEquals(made, [onlySession(site)]);
});

Deno.test("Site.notifyOnSessionStart() tells when the session is in site.sessions and has a deadline", () => {
  using site = siteOf();
  const seen: unknown[] = [];
  site.notifyOnSessionStart((session) =>
    seen.push(site.sessions.get(session.uid) === session, session.expiresAt)
  );
  const session = site.makeSession();
  assertEquals(seen, [true, session.expiresAt]);
});

Deno.test("Site.notifyOnSessionStart() does not tell of a session that is not kept", () => {
  using site = siteOf();
  let count = 0;
  site.notifyOnSessionStart(() => count++);
  const { url } = requestWith();
  site.fetch(new Request(url, { method: "HEAD" }));
  assertEquals(count, 0);
});

Deno.test("Site.notifyOnSessionStart() does not tell of a session that could not be made", () => {
  using site = siteOf({ sessionFactory: lasting({ sessionTimeout: -1 }) });
  let count = 0;
  site.notifyOnSessionStart(() => count++);
  assertThrows(() => site.makeSession(), RangeError);
  assertEquals(count, 0);
});

Deno.test("Site.notifyOnSessionStart() reports what a callback throws, and tells the others", () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const error = new Error("thrown");
  let count = 0;
  site.notifyOnSessionStart(() => {
    throw error;
  });
  site.notifyOnSessionStart(() => count++);
  const session = site.makeSession();
  assertEquals([errors.all, count], [[error], 1]);
  assertStrictEquals(errors.sessions[0], session);
});

Deno.test("Site.notifyOnSessionStart() reports what a callback rejects", async () => {
  const errors = new Errors();
  using site = siteOf({ onError: errors.onError });
  const error = new Error("rejected");
  site.notifyOnSessionStart(() => Promise.reject(error));
  site.makeSession();
  await settle();
  assertEquals(errors.all, [error]);
});

Deno.test("Site.notifyOnSessionStart() refuses what is no function", () => {
  using site = siteOf();
  assertThrows(
    () => site.notifyOnSessionStart("log" as never),
    TypeError,
    'Cannot notify on session start: the callback is not a function: "log"',
  );
});

Deno.test("SessionEnd.lateness is undefined as long as the session lives", () => {
  using site = siteOf();
  assertEquals(site.makeSession().end?.lateness, undefined);
});

Deno.test("SessionEnd.lateness is undefined after an end that no deadline brought", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.expire();
  assertEquals(session.end?.lateness, undefined);
});

Deno.test("SessionEnd.lateness is 0 where the timer was in time", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionTimeout: 5 });
  const session = site.makeSession();
  clock.advance(5000);
  assertEquals([session.end?.reason, session.end?.lateness], ["idle", 0]);
});

Deno.test("SessionEnd.lateness is what the timer was late, in seconds, for the callbacks too", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionTimeout: 5 });
  const session = site.makeSession();
  const told: unknown[] = [];
  session.notifyOnExpire(({ session }) => told.push(session.end?.lateness));
  clock.jump(5250);
  clock.advance();
  assertEquals([session.end?.lateness, ...told], [0.25, 0.25]);
});

Deno.test("SessionEnd.lateness counts from the absolute deadline where that ended the session", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, absoluteTimeout: 2 });
  const session = site.makeSession();
  clock.jump(2003);
  assertEquals(site.getSession(session.uid), undefined);
  assertEquals([session.end?.reason, session.end?.lateness], [
    "absolute",
    0.003,
  ]);
});

Deno.test("SessionEnd.lateness is 0 of a session that was called idle before its deadline", () => {
  using site = siteOf();
  const session = site.makeSession();
  session.expire("idle");
  assertEquals(session.end?.lateness, 0);
});

Deno.test("SessionEnd.lateness is 0 of a session that never began", () => {
  using site = siteOf();
  const session = new Session(site, "0".repeat(32));
  session.expire("idle");
  assertEquals(session.end?.lateness, 0);
});

Deno.test("Session.expiresAt is when the session has ended, however late that was", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionTimeout: 5 });
  const session = site.makeSession();
  clock.jump(5250);
  session.checkExpired();
  assertEquals(session.expiresAt, clock.time / 1000);
});
