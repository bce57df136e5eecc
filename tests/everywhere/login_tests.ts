import { Sessions, type Visit } from "@curfew/web/sessions";
import { TestClock } from "@curfew/web/testing";
import { Client, clientOf } from "./client.ts";
import { closing, equal, ok, test } from "./suite.ts";

/** Answers what a login page needs, by the path. */
function desk(visit: Visit): Response {
  const { pathname, searchParams } = new URL(visit.request.url);
  if (pathname === "/login") visit.logIn(searchParams.get("name") ?? "alice");
  if (pathname === "/logout") visit.logOut();
  if (pathname === "/renew") visit.renewSession();
  if (pathname === "/visit") visit.getSession();
  return new Response(
    `${visit.principal ?? "nobody"} ${visit.session?.uid ?? "none"}`,
  );
}

test("a login keeps the session, and sends a new token", async () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const client = clientOf(sessions, desk);
  const [, uid] = (await client.send("/visit")).text.split(" ");
  const before = client.cookie;
  const login = await client.send("/login");
  equal(login.text, `alice ${uid}`);
  ok(client.cookie !== before, "the token stays");
  equal(login.headers.get("cache-control"), "no-store");

  const thief = clientOf(sessions, desk);
  thief.cookie = before;
  equal((await thief.send("/")).text, "nobody none");
});

test("a logout ends the session and clears the cookie", async () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const client = clientOf(sessions, desk);
  await client.send("/login");
  const { setCookie } = await client.send("/logout");
  ok(setCookie?.startsWith("session=;"), `cookie ${setCookie}`);
  equal([client.cookie, sessions.size], [undefined, 0]);
});

test("a login as another principal begins a session of its own", async () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const client = clientOf(sessions, desk);
  const [, first] = (await client.send("/login?name=alice")).text.split(" ");
  const [name, second] = (await client.send("/login?name=bob")).text.split(" ");
  equal(name, "bob");
  ok(first !== second, "bob is in the session of alice");
  equal(sessions.sessionsOf("alice").length, 0);
});

test("a renewal takes effect when its token arrives, with a grace for the old one", async () => {
  const clock = new TestClock();
  const sessions = closing(new Sessions({ clock }));
  const client = clientOf(sessions, desk);
  const [, uid] = (await client.send("/visit")).text.split(" ");
  const old = client.cookie;
  await client.send("/renew");
  ok(client.cookie !== old, "the token stays");
  equal((await client.send("/")).text, `nobody ${uid}`);

  const late = clientOf(sessions, desk);
  late.cookie = old;
  equal((await late.send("/")).text, `nobody ${uid}`);
  await clock.advance(10.001);
  equal((await late.send("/")).text, "nobody none");
});

test("endSessions() ends all sessions of a principal but one", async () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const devices = [1, 2, 3].map(() => clientOf(sessions, desk));
  for (const device of devices) await device.send("/login");
  const [kept] = sessions.sessionsOf("alice");
  await sessions.endSessions("alice", { except: kept! });
  equal(sessions.sessionsOf("alice").map(({ uid }) => uid), [kept!.uid]);
});

test("a cross-site request without its cookie replaces no login", async () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const client = new Client((request) => sessions.serve(request, desk));
  const { setCookie } = await client.send("/visit", {
    method: "POST",
    headers: { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
  });
  equal(setCookie, null);
});

test("https gives a cookie with Secure and __Host-", async () => {
  const sessions = closing(new Sessions({ clock: new TestClock() }));
  const response = await sessions.serve(
    new Request("https://localhost/visit"),
    desk,
  );
  const cookie = response.headers.get("set-cookie") ?? "";
  ok(cookie.startsWith("__Host-session="), cookie);
  ok(cookie.includes("Secure"), cookie);
});
