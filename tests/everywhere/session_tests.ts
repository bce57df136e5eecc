import { Session, type SessionEnd, Sessions } from "@curfew/web/sessions";
import { TestClock } from "@curfew/web/testing";
import { clientOf } from "./client.ts";
import { closing, equal, ok, test, thrownBy } from "./suite.ts";

const seen = (visit: { session: Session | undefined }) =>
  new Response(visit.session?.uid ?? "none");

test("a request that asks for no session gets no cookie", async () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const client = clientOf(sessions, () => new Response("plain"));
  const { text, setCookie } = await client.send();
  equal([text, setCookie, sessions.size], ["plain", null, 0]);
});

test("a session is made once, and found again by its cookie", async () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const client = clientOf(
    sessions,
    (visit) => new Response(visit.getSession().uid),
  );
  const first = await client.send();
  const second = await client.send();
  equal(second.text, first.text);
  equal(second.setCookie, null);
  ok(
    /^session=[\da-f]{64}; HttpOnly; SameSite=Lax; Path=\/$/.test(
      first.setCookie ?? "",
    ),
    `unexpected cookie ${first.setCookie}`,
  );
});

test("a session ends five seconds after the last visit, and says so", async () => {
  const clock = new TestClock();
  const sessions = closing(new Sessions({ clock, sessionTimeout: 5 }));
  const ends: SessionEnd[] = [];
  sessions.notifyOnSessionEnd((end) => void ends.push(end));
  const own: string[] = [];
  const client = clientOf(sessions, (visit) => {
    const session = visit.getSession();
    if (visit.isNewSession) {
      session.notifyOnExpire(({ reason }) => own.push(reason));
    }
    return new Response(session.uid);
  });
  await client.send();
  await clock.advance(4.999);
  await client.send();
  await clock.advance(4.999);
  equal(ends.length, 0);
  await clock.advance(0.001);
  equal([ends.map(({ reason }) => reason), own], [["idle"], ["idle"]]);
  equal(sessions.size, 0);
});

test("a session ends by a real timer, and never early", async () => {
  const sessions = closing(new Sessions({ sessionTimeout: 0.1 }));
  const begun = performance.now();
  // The timer of a session does not keep a process alive; a test has to.
  const alive = setInterval(() => {}, 1000);
  const end = await sessions.create().ended;
  clearInterval(alive);
  equal(end.reason, "idle");
  const took = performance.now() - begun;
  ok(took >= 99, `ended after ${took} ms`);
});

test("the absolute timeout ends a session however busy", async () => {
  const clock = new TestClock();
  const sessions = closing(
    new Sessions({
      clock,
      sessionTimeout: 10,
      absoluteTimeout: 25,
    }),
  );
  const session = sessions.create();
  for (let second = 0; second < 24; second++) {
    await clock.advance(1);
    session.touch();
  }
  ok(session.isActive, "ended early");
  await clock.advance(1);
  equal(session.end?.reason, "absolute");
});

test("a callback that throws is reported, and stops no other", async () => {
  const errors: unknown[] = [];
  const told: string[] = [];
  const sessions = closing(
    new Sessions({
      clock: new TestClock(),
      onError: (error) => void errors.push(error),
    }),
  );
  const session = sessions.create();
  session.notifyOnExpire(() => {
    throw new Error("broken");
  });
  session.notifyOnExpire(() => told.push("second"));
  sessions.notifyOnSessionEnd(() => void told.push("all"));
  session.expire();
  await session.ended;
  equal(told, ["second", "all"]);
  equal(errors.map((error) => (error as Error).message), ["broken"]);
});

test("session.signal aborts at the end", () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const session = sessions.create();
  const { signal } = session;
  equal(signal.aborted, false);
  session.expire();
  equal(signal.aborted, true);
});

test("values and components stay with the session", async () => {
  class Cart {
    readonly items: string[] = [];
  }
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const client = clientOf(sessions, (visit) => {
    visit.getSession(Cart).items.push("tea");
    const session = visit.getSession();
    session.set("visits", (session.get<number>("visits") ?? 0) + 1);
    return Response.json([session.get("visits"), visit.getSession(Cart).items]);
  });
  await client.send();
  equal(JSON.parse((await client.send()).text), [2, ["tea", "tea"]]);
});

test("a class of its own makes the sessions", async () => {
  class ShortSession extends Session {
    override sessionTimeout = 5;
  }
  const clock = new TestClock();
  const sessions = closing(
    new Sessions({ clock, sessionFactory: ShortSession }),
  );
  const session = sessions.create();
  ok(session instanceof ShortSession, "it is not of the class");
  await clock.advance(5);
  equal(session.end?.reason, "idle");
});

test("a forged token opens nothing and is not adopted", async () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const client = clientOf(sessions, seen);
  client.cookie = `session=${"a".repeat(64)}`;
  equal((await client.send()).text, "none");
});

test("a handler that throws ends the session of a response that never was", async () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const client = clientOf(sessions, (visit) => {
    visit.getSession();
    throw new Error("broken");
  });
  equal((await thrownBy(() => client.send())).message, "broken");
  equal(sessions.size, 0);
});

test("close() ends the sessions, and later requests are a 503", async () => {
  const sessions = new Sessions({ clock: new TestClock() });
  const session = sessions.create();
  await sessions.close();
  equal(session.end?.reason, "shutdown");
  const client = clientOf(sessions, seen);
  const error = await thrownBy(() => client.send());
  equal((error as { status?: number }).status, 503);
});

test("a session holds a key, and gives it back at its end", async () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const freed: unknown[] = [];
  sessions.onEnd("free", (seat) => void freed.push(seat));
  const ann = sessions.create();
  const bob = sessions.create();
  const hold = await ann.hold("seat 12", { then: "free", argument: 12 });
  equal(hold?.key, "seat 12");
  equal(await bob.hold("seat 12"), undefined);
  ann.expire();
  equal(freed, [12]);
  equal((await bob.hold("seat 12"))?.key, "seat 12");
});

test("presence and a warning by name follow the visits", async () => {
  const clock = new TestClock();
  const sessions = closing(new Sessions({ clock, sessionTimeout: 100 }));
  const told: string[] = [];
  sessions.onPresence(({ principal, state }) => {
    told.push(`${principal} ${state}`);
  });
  sessions.onWarning("warn", (argument) => void told.push(`${argument}`));
  const client = clientOf(sessions, (visit) => {
    visit.logIn("ann").notifyBeforeEnd(60, "warn", "60 s left");
    return new Response();
  });
  await client.send();
  await clock.advance(1);
  equal(await sessions.presence("ann"), "present");
  for (let second = 0; second < 110; second++) await clock.advance(1);
  equal(told, ["ann present", "ann away", "60 s left", "ann offline"]);
});
