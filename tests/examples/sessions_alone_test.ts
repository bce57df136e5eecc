import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { handler, sessions } from "../../examples/sessions_alone.ts";
import { Console } from "./helpers_console.ts";
import { firstParagraph } from "./helpers_pages.ts";

/** Visits the handler; returns the uid that it shows, and the cookie. */
async function visit(cookie = ""): Promise<{ uid: string; cookie: string }> {
  const headers = { cookie };
  const response = await handler(
    new Request("http://localhost/", { headers }),
  );
  const [, uid] = /^Your session is ([\da-f]{32})\.$/
    .exec(firstParagraph(await response.text())) ?? [];
  assert(uid !== undefined);
  const [set = cookie] = response.headers.getSetCookie();
  return { uid, cookie: set.split(";", 1)[0]! };
}

Deno.test("sessions_alone prints nothing before five seconds have passed", async () => {
  using time = new FakeTime();
  using printed = new Console();
  await visit();

  time.tick(4999);
  assertEquals(printed.lines, []);
  time.tick(1);
});

Deno.test("sessions_alone prints that the session has expired five seconds after the last visit", async () => {
  using time = new FakeTime();
  using printed = new Console();
  const first = await visit();
  time.tick(4000);
  const second = await visit(first.cookie);
  assertEquals(second, first);
  const lastVisitAt = Date.now();

  time.tick(60_000);
  assertEquals(printed.lines, [
    { text: `Session ${first.uid} has expired.`, at: lastVisitAt + 5000 },
  ]);
  assertEquals(sessions.size, 0);
});
