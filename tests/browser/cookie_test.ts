import {
  assert,
  assertEquals,
  assertFalse,
  assertNotEquals,
} from "@std/assert";
import type { Page } from "playwright-core";
import { systemClock } from "../../base/clock.ts";
import { policies } from "../../mod.ts";
import {
  BLOG,
  browserTest,
  type BrowserWindow,
  EVIL,
  pages,
  sayUid,
  sayWho,
  see,
  SHOP,
  textOf,
} from "./helpers_browser.ts";

/** Has a page of another site send the visitor to an address. */
async function sendFromElsewhere(
  page: Page,
  elsewhere: string,
  how: { method: "GET" | "POST"; to: string },
): Promise<string> {
  await page.goto(elsewhere);
  await Promise.all([
    page.waitForURL(how.to),
    page.evaluate(({ method, to }) => {
      // deno-lint-ignore no-explicit-any -- the browser's document
      const { document } = globalThis as any;
      const form = document.createElement("form");
      form.method = method;
      form.action = to;
      document.body.append(form);
      form.submit();
    }, how),
  ]);
  return await textOf(page);
}

browserTest(
  "A browser hides the session cookie from scripts",
  async ({ serve, window }) => {
    const served = serve(sayUid);
    const page = await (await window()).tab(served.http("/"));
    assertEquals(await page.evaluate("document.cookie"), "");
    assertEquals(
      await see(page, served.http("/")),
      served.site.sessions.keys().next().value,
    );
  },
);

browserTest(
  "A browser keeps the cookie of http as it is meant",
  async ({ serve, window }) => {
    const served = serve(sayUid);
    const visitor = await window();
    await visitor.tab(served.http("/"));
    const [cookie] = await visitor.context.cookies();
    assert(cookie);
    const { name, domain, path, expires, httpOnly, secure, sameSite } = cookie;
    assertEquals(
      { name, domain, path, expires, httpOnly, secure, sameSite },
      {
        name: "session",
        domain: SHOP,
        path: "/",
        expires: -1,
        httpOnly: true,
        secure: false,
        sameSite: "Lax",
      },
    );
  },
);

browserTest(
  "A browser takes the __Host- cookie over https",
  async ({ serve, window }) => {
    const served = serve(sayUid);
    const visitor = await window();
    const page = await visitor.tab(served.https("/"));
    const uid = await textOf(page);
    const [cookie] = await visitor.context.cookies();
    assertEquals(cookie?.name, "__Host-session");
    assertEquals(cookie?.secure, true);
    assertEquals(await see(page, served.https("/")), uid);
  },
);

/** The cookie of a session that another visitor has, as `name=value`. */
async function cookieOfAnother(
  visitor: BrowserWindow,
  url: string,
): Promise<string> {
  await visitor.tab(url);
  const [cookie] = await visitor.context.cookies();
  return `${cookie!.name}=${cookie!.value}`;
}

for (
  const [what, begin, isSent] of [
    ["as it is", "", false],
    ["behind a no-break space", "\xa0", true],
    ["behind white space and a no-break space", " \t\xa0", true],
  ] as const
) {
  browserTest(
    `A browser keeps its __Host- session though a subdomain sets that cookie ${what}`,
    async ({ serve, window }) => {
      let sent: string | undefined;
      const shop = serve((request) => {
        sent = request.getHeader("cookie");
        return sayUid(request);
      });
      const planted = await cookieOfAnother(await window(), shop.https("/"));
      const setCookie = `${begin}${planted}; Domain=${SHOP}; Path=/; Secure`;
      const blog = serve(() =>
        new Response("", { headers: { "set-cookie": setCookie } })
      );
      const page = await (await window()).tab();
      const uid = await see(page, shop.https("/"));

      await page.goto(blog.https("/", BLOG));

      assertEquals(await see(page, shop.https("/")), uid);
      assertEquals(sent?.includes(planted), isSent);
    },
  );
}

browserTest(
  "A browser gets a session of its own after a subdomain has set the cookie of another",
  async ({ serve, window }) => {
    const shop = serve(sayUid);
    const planted = await cookieOfAnother(await window(), shop.https("/"));
    const setCookie = `\xa0${planted}; Domain=${SHOP}; Path=/; Secure`;
    const blog = serve(() =>
      new Response("", { headers: { "set-cookie": setCookie } })
    );
    const page = await (await window()).tab();

    await page.goto(blog.https("/", BLOG));

    const uid = await see(page, shop.https("/"));
    assertFalse(planted.includes(uid));
    assertEquals(await see(page, shop.https("/")), uid);
  },
);

browserTest(
  "A browser has one session over http and another over https",
  async ({ serve, window }) => {
    const served = serve(sayUid);
    const page = await (await window()).tab();
    const plain = await see(page, served.http("/"));
    const secure = await see(page, served.https("/"));
    assertNotEquals(plain, secure);
    assertEquals(await see(page, served.http("/")), plain);
    assertEquals(await see(page, served.https("/")), secure);
  },
);

browserTest(
  "A browser sends no cookie with another site's POST",
  async ({ serve, window }) => {
    const served = serve(pages({ in: sayUid, who: sayWho }));
    const page = await (await window()).tab();
    await see(page, served.http("/in"));
    const elsewhere = served.http("/who", EVIL);
    const to = served.http("/who");
    const who = await sendFromElsewhere(page, elsewhere, {
      method: "POST",
      to,
    });
    assertEquals(who, "nobody");
  },
);

browserTest(
  "A browser sends the cookie when another site leads to a page",
  async ({ serve, window }) => {
    const served = serve(pages({ in: sayUid, who: sayWho }));
    const page = await (await window()).tab();
    const uid = await see(page, served.http("/in"));
    const elsewhere = served.http("/who", EVIL);
    const to = served.http("/who?");
    const who = await sendFromElsewhere(page, elsewhere, { method: "GET", to });
    assertEquals(who, uid);
  },
);

browserTest(
  "A browser sends a Strict cookie from the site itself only",
  async ({ serve, window }) => {
    const served = serve(
      pages({ in: sayUid, who: sayWho }),
      { ...policies.owaspHighValue },
    );
    const page = await (await window()).tab();
    const uid = await see(page, served.https("/in"));
    const elsewhere = served.https("/who", EVIL);
    const to = served.https("/who?");
    const how = { method: "GET", to } as const;
    assertEquals(await sendFromElsewhere(page, elsewhere, how), "nobody");
    assertEquals(await sendFromElsewhere(page, served.https("/in"), how), uid);
  },
);

browserTest(
  "A browser keeps a persistent cookie until the absolute timeout",
  async ({ serve, window }) => {
    // The browser goes by the real time, and so the site does here.
    const served = serve(sayUid, {
      clock: systemClock,
      sessionTimeout: 60,
      absoluteTimeout: 3600,
      cookie: { persistent: true },
    });
    const visitor = await window();
    await visitor.tab(served.https("/"));
    const [cookie] = await visitor.context.cookies();
    const left = cookie!.expires - Date.now() / 1000;
    assert(left > 3500 && left < 3610, `expires in ${left} s`);
  },
);

browserTest(
  "A browser makes no session by fetching in advance",
  async ({ serve, window }) => {
    let purpose: string | undefined;
    const asked = Promise.withResolvers<void>();
    const served = serve(pages({
      "": () => '<link rel="prefetch" href="/next">',
      next: (request) => {
        const { uid } = request.getSession();
        purpose = request.getHeader("sec-purpose");
        asked.resolve();
        return uid;
      },
    }));
    const visitor = await window();
    await visitor.tab(served.https("/"));
    await asked.promise;
    assertEquals(purpose, "prefetch");
    assertEquals(served.site.sessions.size, 0);
    assertFalse((await visitor.context.cookies()).length > 0);
  },
);
