import { assertEquals, assertNotEquals } from "@std/assert";
import {
  browserTest,
  type BrowserWindow,
  pages,
  sayUid,
  sayWho,
  see,
  textOf,
} from "./helpers_browser.ts";

/** The values of the cookies that a window holds. */
async function tokensOf({ context }: BrowserWindow): Promise<string[]> {
  return (await context.cookies()).map(({ value }) => value);
}

browserTest(
  "A browser forgets the cookie of a session that ends in a visit",
  async ({ serve, window }) => {
    const served = serve(pages({
      in: sayUid,
      out: (request) => {
        request.session?.expire();
        return "bye";
      },
    }));
    const visitor = await window();
    const page = await visitor.tab(served.https("/in"));
    assertEquals((await tokensOf(visitor)).length, 1);

    await page.goto(served.https("/out"));

    assertEquals(await tokensOf(visitor), []);
  },
);

browserTest(
  "A browser has a new session and a new cookie once the old is over",
  async ({ serve, window }) => {
    const served = serve(pages({ in: sayUid, who: sayWho }));
    const visitor = await window();
    const page = await visitor.tab(served.https("/in"));
    const before = await textOf(page);
    const [token] = await tokensOf(visitor);

    await served.clock.advance(900);
    assertEquals(served.ends.map(({ reason }) => reason), ["idle"]);
    assertEquals(await see(page, served.https("/who")), "nobody");
    assertNotEquals(await see(page, served.https("/in")), before);

    const tokens = await tokensOf(visitor);
    assertEquals(tokens.length, 1);
    assertNotEquals(tokens[0], token);
  },
);

browserTest(
  "A browser stays in its session by visiting",
  async ({ serve, window }) => {
    const served = serve(sayUid);
    const page = await (await window()).tab(served.http("/"));
    const uid = await textOf(page);
    for (let visit = 0; visit < 3; visit++) {
      await served.clock.advance(899);
      assertEquals(await see(page, served.http("/")), uid);
    }
  },
);

browserTest(
  "A browser has a new cookie and the same session after a login",
  async ({ serve, window }) => {
    const served = serve(pages({
      in: sayUid,
      who: sayWho,
      login: (request) => {
        if (request.method === "POST") {
          request.logIn("alice");
          return request.redirect("/who", 303);
        }
        return '<form method="post"><button>Log in</button></form>';
      },
    }));
    const visitor = await window();
    const page = await visitor.tab(served.https("/in"));
    const uid = await textOf(page);
    const before = await visitor.context.cookies();

    await page.goto(served.https("/login"));
    await page.click("button");
    await page.waitForURL(served.https("/who"));

    assertEquals(await textOf(page), uid);
    assertNotEquals(await tokensOf(visitor), before.map(({ value }) => value));
    assertEquals(served.site.sessionsOf("alice").map(({ uid }) => uid), [uid]);

    // The cookie of before opens nothing.
    const thief = await window();
    await thief.context.addCookies(before);
    await served.clock.advance(10);
    const stolen = await thief.tab(served.https("/who"));
    assertEquals(await textOf(stolen), "nobody");
    assertEquals(await see(page, served.https("/who")), uid);
  },
);

browserTest(
  "A browser gets the cookie with a redirect",
  async ({ serve, window }) => {
    const served = serve(pages({
      in: (request) => request.redirect(`/who?${sayUid(request)}`),
      who: (request) => `${sayWho(request)}${request.url.search}`,
    }));
    const page = await (await window()).tab(served.http("/in"));
    const [who, uid] = (await textOf(page)).split("?");
    assertEquals(who, uid);
  },
);

browserTest(
  "A browser gets the cookie with an error page",
  async ({ serve, window }) => {
    const served = serve(pages({
      in: (request) => {
        request.getSession();
        request.setResponseCode(403);
        return "no";
      },
      who: sayWho,
    }));
    const visitor = await window();
    const page = await visitor.tab(served.http("/in"));
    assertEquals(
      await see(page, served.http("/who")),
      served.site.sessions.keys().next().value,
    );
    // The browser says that a page was refused.
    visitor.complaints.length = 0;
  },
);

browserTest(
  "A browser forgets at the logout what it is told to",
  async ({ serve, window }) => {
    const served = serve(
      pages({
        in: sayUid,
        out: (request) => {
          request.session?.expire();
          return "bye";
        },
      }),
      { clearSiteData: ["cookies", "storage"] },
    );
    const visitor = await window();
    const page = await visitor.tab(served.https("/in"));
    await page.evaluate("localStorage.draft = 'secret'");
    await page.evaluate("document.cookie = 'theme=dark'");

    await page.goto(served.https("/out"));

    assertEquals(await page.evaluate("localStorage.draft ?? null"), null);
    assertEquals(await tokensOf(visitor), []);
    visitor.complaints.length = 0;
  },
);

browserTest(
  "Two tabs of a browser share a session, and its end",
  async ({ serve, window }) => {
    const served = serve(pages({
      in: sayUid,
      out: (request) => {
        request.session?.expire();
        return "bye";
      },
      who: sayWho,
    }));
    const visitor = await window();
    const one = await visitor.tab(served.http("/in"));
    const other = await visitor.tab(served.http("/in"));
    assertEquals(await textOf(other), await textOf(one));

    await one.goto(served.http("/out"));

    assertEquals(await see(other, served.http("/who")), "nobody");
    assertEquals(served.ends.map(({ reason }) => reason), ["logout"]);
  },
);

browserTest(
  "Two windows of a browser have two sessions",
  async ({ serve, window }) => {
    const served = serve(sayUid);
    const one = await (await window()).tab(served.http("/"));
    const other = await (await window()).tab(served.http("/"));
    assertNotEquals(await textOf(one), await textOf(other));
  },
);
