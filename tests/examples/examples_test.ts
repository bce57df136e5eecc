import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { site as counted } from "../../examples/metrics.ts";
import { makeCrowd, site as monitored } from "../../examples/monitor.ts";
import { site as basics } from "../../examples/session_basics.ts";
import { site as store } from "../../examples/session_store.ts";
import { site as short } from "../../examples/short_session.ts";
import type { Site } from "../../mod.ts";
import { firstParagraph } from "./helpers_pages.ts";

/** A browser with one site's cookies. */
class Visitor {
  readonly #site: Site;
  #cookie = "";

  constructor(site: Site) {
    this.#site = site;
  }

  /** What the first paragraph says that the visitor sees at a path. */
  async see(path: string): Promise<string> {
    const response = await this.#site.fetch(
      new Request(`http://localhost${path}`, {
        headers: { cookie: this.#cookie },
      }),
    );
    assertEquals(response.status, 200);
    for (const set of response.headers.getSetCookie()) {
      this.#cookie = set.split(";", 1)[0]!;
    }
    return firstParagraph(await response.text());
  }
}

/** Ends what a test has left, and the timer with it. */
function leaving(site: Site): Disposable {
  return {
    [Symbol.dispose]() {
      for (const session of site.sessions.values()) session.expire();
    },
  };
}

Deno.test("session_basics shows the same uid at each visit", async () => {
  using _ = leaving(basics);
  const visitor = new Visitor(basics);
  const page = await visitor.see("/");
  assertMatch(page, /^Your session is [0-9a-f]{32}\.$/);
  assertEquals(await visitor.see("/"), page);
});

Deno.test("session_basics shows another uid to another visitor", async () => {
  using _ = leaving(basics);
  const page = await new Visitor(basics).see("/");
  assertNotEquals(await new Visitor(basics).see("/"), page);
});

Deno.test("session_basics shows another uid once the session was ended", async () => {
  using _ = leaving(basics);
  const visitor = new Visitor(basics);
  const page = await visitor.see("/");
  assertEquals(await visitor.see("/expire"), "Your session has ended.");
  assertEquals(basics.sessions.size, 0);
  assertNotEquals(await visitor.see("/"), page);
});

Deno.test("session_basics makes no session to end it", async () => {
  await new Visitor(basics).see("/expire");
  assertEquals(basics.sessions.size, 0);
});

Deno.test("session_store counts the visits of each visitor", async () => {
  using time = new FakeTime("2026-01-02T03:04:05.678Z");
  using _ = leaving(store);
  const visitor = new Visitor(store);
  const since = "since 2026-01-02T03:04:05.678Z, now";
  assertEquals(await visitor.see("/"), `Visit 1 ${since} /.`);
  time.tick(1000);
  assertEquals(await visitor.see("/tea"), `Visit 2 ${since} /tea.`);
  assertStringIncludes(await new Visitor(store).see("/"), "Visit 1 ");
});

Deno.test("session_store escapes the path that it shows", async () => {
  using _ = leaving(store);
  const page = await new Visitor(store).see("/%3Cb%3E/x");
  assertStringIncludes(page, " now /&lt;b&gt;/x.");
});

Deno.test("short_session ends after ten seconds away", async () => {
  using time = new FakeTime();
  using _ = leaving(short);
  const visitor = new Visitor(short);
  const page = await visitor.see("/");
  assertMatch(page, /^Session [0-9a-f]{32} ends after 10 seconds away\.$/);
  time.tick(9999);
  assertEquals(await visitor.see("/"), page);
  time.tick(10_000);
  assertNotEquals(await visitor.see("/"), page);
});

Deno.test("short_session keeps a session for an hour only if its visitor asks for it", async () => {
  using time = new FakeTime();
  using _ = leaving(short);
  const remembered = new Visitor(short);
  const other = new Visitor(short);
  await remembered.see("/");
  await other.see("/");
  assertEquals(
    await remembered.see("/remember"),
    "You are remembered for an hour.",
  );

  time.tick(10_000);
  assertEquals(short.sessions.size, 1);
  time.tick(3_589_999);
  assertMatch(await remembered.see("/"), /ends after 3600 seconds away/);
  time.tick(3_600_000);
  assertEquals(short.sessions.size, 0);
});

Deno.test("monitor shows the sessions to the admin only", async () => {
  using time = new FakeTime("2026-01-02T03:04:05.678Z");
  using _ = leaving(monitored);
  const stop = makeCrowd(100);
  time.tick(2000);
  stop();
  const url = "http://localhost/monitor";
  const stranger = await monitored.fetch(new Request(url));
  assertEquals(stranger.status, 401);
  await stranger.body?.cancel();
  const authorization = `Basic ${btoa("admin:open sesame")}`;
  const page = await monitored.fetch(
    new Request(url, { headers: { authorization } }),
  );
  assertStringIncludes(await page.text(), `of ${monitored.sessions.size}<`);
});

Deno.test("monitor knows a visitor who has logged in", async () => {
  using _ = leaving(monitored);
  const visitor = new Visitor(monitored);
  assertMatch(await visitor.see("/"), /^You are in session [0-9a-f]{32}\.$/);
  const [session] = monitored.sessions.values();
  const login = await monitored.fetch(
    new Request("http://localhost/login?as=Ada"),
  );
  assertEquals([login.status, session?.principal], [302, undefined]);
  assertEquals(monitored.sessionsOf("Ada").length, 1);
});

Deno.test("metrics counts who looks at a product, and not who collects", async () => {
  using _ = leaving(counted);
  assertEquals(
    await new Visitor(counted).see("/shop/tea"),
    "Would you like some?",
  );
  const metrics = await new Visitor(counted).see("/metrics");
  assertStringIncludes(metrics, "curfew_sessions_made_total 1\n");
});
