// The adapter of h3 with the release candidate that Nitro 3.0 has.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { H3 } from "h3-of-nitro";
import { curfew } from "../../adapters/h3.ts";
import { Sessions, type Visit } from "../../sessions.ts";

/** Answers a request for a path by an application with sessions. */
async function fetchFrom(sessions: Sessions, path: string, cookie = "") {
  const app = new H3({ silent: true });
  app.use(curfew(sessions) as never);
  const visitOf = (event: { context: object }) =>
    (event.context as { visit: Visit }).visit;
  app.get("/plain", () => "plain");
  app.get("/uid", (event) => visitOf(event).getSession().uid);
  app.get(
    "/response",
    (event) => new Response(visitOf(event).getSession().uid),
  );
  app.get("/fail", (event) => {
    visitOf(event).getSession();
    throw new Error("broken");
  });
  const headers = { cookie };
  return await app.fetch(new Request(`http://localhost${path}`, { headers }));
}

for (const path of ["/uid", "/response"]) {
  Deno.test(`curfew() of h3 sends the cookie with ${path} in Nitro 3.0`, async () => {
    await using sessions = new Sessions();
    const first = await fetchFrom(sessions, path);
    const uid = await first.text();
    const set = first.headers.get("set-cookie")!;
    assertStringIncludes(set, `session=${uid}`);

    const second = await fetchFrom(sessions, path, set.split(";")[0]);

    assertEquals(await second.text(), uid);
    assertEquals(second.headers.get("set-cookie"), null);
    assertEquals(second.headers.get("cache-control"), "private");
  });
}

Deno.test("curfew() of h3 keeps the session of a request that fails in Nitro 3.0", async () => {
  await using sessions = new Sessions();
  const first = await fetchFrom(sessions, "/uid");
  const [cookie] = first.headers.get("set-cookie")!.split(";");

  const failed = await fetchFrom(sessions, "/fail", cookie);

  assertEquals(failed.status, 500);
  assert(sessions.get(await first.text())?.isActive);
});
