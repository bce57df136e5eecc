import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { site } from "../../examples/logme.ts";
import { Console, type Line } from "./helpers_console.ts";

/** Visits the page, and returns the cookie that the visitor then has. */
async function visit(cookie?: string): Promise<string> {
  const headers = cookie === undefined ? undefined : { cookie };
  const response = await site.fetch(
    new Request("http://localhost/logme", headers && { headers }),
  );
  assertEquals(response.status, 200);
  assertEquals(await response.text(), "");
  const [set] = response.headers.getSetCookie();
  const now = set?.split(";", 1)[0] ?? cookie;
  assert(now !== undefined);
  return now;
}

/** Returns the uid in a cookie, which comes before the secret. */
function uidIn(cookie: string): string {
  return cookie.slice("session=".length, "session=".length + 32);
}

function expired(cookie: string): string {
  return `Session ${uidIn(cookie)} has expired.`;
}

Deno.test("logme says nothing before five seconds have passed", async () => {
  using time = new FakeTime();
  using printed = new Console();
  await visit();

  time.tick(4999);
  assertEquals(printed.lines, []);
  time.tick(1);
});

Deno.test("logme says that the session has expired five seconds after the visit", async () => {
  using time = new FakeTime();
  using printed = new Console();
  const cookie = await visit();
  const visitedAt = Date.now();

  time.tick(60_000);
  assertEquals(printed.lines, [
    { text: expired(cookie), at: visitedAt + 5000 },
  ]);
});

Deno.test("logme keeps the session of a visitor who comes every second, until five seconds after the last visit", async () => {
  using time = new FakeTime();
  using printed = new Console();
  const cookie = await visit();
  for (let second = 1; second <= 60; second++) {
    time.tick(1000);
    assertEquals(await visit(cookie), cookie);
  }
  const lastVisitAt = Date.now();

  time.tick(60_000);
  assertEquals(printed.lines, [
    { text: expired(cookie), at: lastVisitAt + 5000 },
  ]);
});

Deno.test("logme gives a visitor who comes too late another session", async () => {
  using time = new FakeTime();
  using printed = new Console();
  const first = await visit();
  time.tick(5000);
  const second = await visit(first);
  time.tick(5000);

  assertEquals(
    printed.lines.map(({ text }) => text),
    [expired(first), expired(second)],
  );
});

Deno.test("logme ends the sessions of a thousand visitors in the order in which they came", async () => {
  using time = new FakeTime();
  using printed = new Console();
  const expected: Line[] = [];
  for (let count = 0; count < 1000; count++) {
    const cookie = await visit();
    expected.push({ text: expired(cookie), at: Date.now() + 5000 });
    time.tick(3);
  }

  time.tick(5000);
  assertEquals(printed.lines, expected);
  assertEquals(site.sessions.size, 0);
});
