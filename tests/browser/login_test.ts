import { assert, assertEquals, assertFalse } from "@std/assert";
import type { Page } from "playwright-core";
import { site as example } from "../../examples/login.ts";
import {
  Guard,
  passwordCheck,
  policies,
  Resource,
  SessionGuard,
  type SiteRequest,
} from "../../mod.ts";
import { Leaf } from "../helpers_http.ts";
import {
  browserTest,
  EVIL,
  pages,
  sayUid,
  see,
  type Served,
  textOf,
} from "./helpers_browser.ts";

/** Answers the visitor's principal, without touching the session. */
function sayPrincipal(request: SiteRequest): string {
  return request.principal ?? "stranger";
}

/** Answers after the principal has logged in. */
function logIn(request: SiteRequest): string {
  request.logIn("alice");
  return "in";
}

function logOut(request: SiteRequest): string {
  request.logOut();
  return "out";
}

/** A page that sends the visitor to an address by itself, by a form. */
function sending(method: string, to: string): string {
  return `<form method="${method}" action="${to}"><input name="a" value="1"></form>
<script>document.forms[0].submit()</script>`;
}

/** Leads a tab to a page of another site that sends it on. */
async function comeFrom(
  page: Page,
  elsewhere: Served,
  to: string,
): Promise<string> {
  await page.goto(elsewhere.https("/", EVIL));
  await page.waitForURL((url) => url.href.startsWith(to));
  return await textOf(page);
}

browserTest(
  "A browser logs in by the example, goes back to its page, and logs out",
  async ({ serve, window }) => {
    const served = serve(example.resource);
    const visitor = await window();
    const page = await visitor.tab(served.https("/?from=mail"));
    assertEquals(new URL(page.url()).pathname, "/login");

    await page.fill("[name=name]", "alice");
    await page.fill("[name=password]", "please");
    await page.click("button");
    assert((await textOf(page)).includes("Wrong name or password"));
    // The browser says that a page was refused.
    visitor.complaints.length = 0;
    await page.goBack();
    await page.fill("[name=name]", "alice");
    await page.fill("[name=password]", "open sesame");
    await page.click("button");
    await page.waitForURL(served.https("/?from=mail"));
    assert((await textOf(page)).includes("Hello alice"));

    const phone = await (await window()).tab(served.https("/"));
    await phone.fill("[name=name]", "alice");
    await phone.fill("[name=password]", "open sesame");
    await phone.click("button");
    await phone.waitForURL(served.https("/"));
    assert((await textOf(phone)).includes("logged in 2 times"));

    await page.click("text=Log out everywhere else");
    await page.waitForURL(served.https("/"));
    assert((await textOf(page)).includes("logged in 1 times"));
    await phone.reload();
    assertEquals(new URL(phone.url()).pathname, "/login");

    await page.click("text=Log out");
    await page.waitForURL(/login/);
    await page.goto(served.https("/"));
    assertEquals(new URL(page.url()).pathname, "/login");
    assertEquals(served.site.sessions.size, 0);
  },
);

for (
  const [name, Kind] of [["Guard", Guard], [
    "SessionGuard",
    SessionGuard,
  ]] as const
) {
  for (const scheme of ["https", "http"] as const) {
    browserTest(
      `A browser sends the password of a ${name} with a form of another site over ${scheme}, which is refused`,
      async ({ serve, window }) => {
        const posts: (string | undefined)[] = [];
        const vault = new Leaf((request) => {
          if (request.method === "POST") posts.push(request.user);
          return `for ${request.user}`;
        });
        const check = passwordCheck({ admin: "pw" });
        const guard = new Kind(vault, check, { realm: "x" });
        /** The methods of the requests that came with the password. */
        const withPassword: string[] = [];
        const root = new Resource();
        root.getChild = (_name, request) => {
          const isThere = request.getHeader("authorization") !== undefined;
          if (isThere) withPassword.push(request.method);
          return guard;
        };
        const served = serve(root);
        const to = served[scheme]("/vault");
        const evil = serve(() => sending("post", to));
        const visitor = await window();
        const page = await visitor.tab(to.replace("://", "://admin:pw@"));
        assertEquals(await textOf(page), "for admin");

        await page.goto(evil[scheme]("/", EVIL));
        await page.waitForURL(to);

        assert((await textOf(page)).includes("Only pages of this site"));
        assertEquals(posts, []);
        assertEquals(withPassword.at(-1), "POST");
        // The browser says that a page was refused.
        visitor.complaints.length = 0;
      },
    );
  }
}

for (
  const [method, options] of [
    ["get", { ...policies.owaspHighValue }],
    ["post", {}],
  ] as const
) {
  browserTest(
    `A browser keeps its login when a ${method} form of another site leads to a page that asks for a session`,
    async ({ serve, window }) => {
      const served = serve(
        pages({
          login: logIn,
          page: (request) => {
            request.getSession();
            return sayPrincipal(request);
          },
          who: sayPrincipal,
        }),
        options,
      );
      const to = served.https("/page");
      const evil = serve(() => sending(method, to));
      const visitor = await window();
      const page = await visitor.tab(served.https("/login"));
      const cookies = await visitor.context.cookies();

      assertEquals(await comeFrom(page, evil, to), "stranger");

      assertEquals(await visitor.context.cookies(), cookies);
      await page.goto("about:blank");
      assertEquals(await see(page, served.https("/who")), "alice");
      assertEquals(served.site.sessions.size, 1);
    },
  );
}

browserTest(
  "A browser keeps its login when a form of another site posts to the logout",
  async ({ serve, window }) => {
    const served = serve(
      pages({ login: logIn, logout: logOut, who: sayPrincipal }),
      { clearSiteData: ["cookies", "storage"] },
    );
    const to = served.https("/logout");
    const evil = serve(() => sending("post", to));
    const page = await (await window()).tab(served.https("/login"));

    assertEquals(await comeFrom(page, evil, to), "out");

    assertEquals(await see(page, served.https("/who")), "alice");
  },
);

browserTest(
  "A browser takes the login of a form that another site posts, as single sign-on does",
  async ({ serve, window }) => {
    const served = serve(pages({ login: logIn, who: sayPrincipal }));
    const to = served.https("/login");
    const evil = serve(() => sending("post", to));
    const page = await (await window()).tab();

    assertEquals(await comeFrom(page, evil, to), "in");

    assertEquals(await see(page, served.https("/who")), "alice");
  },
);

browserTest(
  "A slow response to one tab leaves the login that another tab begins meanwhile",
  async ({ serve, window }) => {
    const gate = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const served = serve(
      pages({
        login: logIn,
        logout: logOut,
        poll: async (request) => {
          request.getSession();
          asked.resolve();
          await gate.promise;
          return "nothing new";
        },
        who: sayPrincipal,
      }),
      { clearSiteData: ["cookies", "storage"] },
    );
    const visitor = await window();
    const one = await visitor.tab(served.https("/login"));
    const other = await visitor.tab(served.https("/who"));
    const slow = one.goto(served.https("/poll"));
    await asked.promise;
    await other.goto(served.https("/logout"));
    await other.goto(served.https("/login"));

    gate.resolve();
    await slow;

    assertEquals(await textOf(one), "nothing new");
    assertEquals(await see(one, served.https("/who")), "alice");
    assertEquals(await see(other, served.https("/who")), "alice");
  },
);

browserTest(
  "A browser that fetches in advance stays in its session, and begins none",
  async ({ serve, window }) => {
    const purposes: (string | undefined)[] = [];
    let asked = Promise.withResolvers<void>();
    const served = serve(
      new Leaf((request) => {
        const purpose = request.getHeader("sec-purpose");
        purposes.push(purpose);
        const uid = sayUid(request);
        if (purpose !== undefined) asked.resolve();
        const next = Number(request.query.get("n")) + 1;
        return `${uid}<link rel="prefetch" href="/?n=${next}">`;
      }),
    );
    const page = await (await window()).tab(served.https("/"));
    const uid = await textOf(page);
    await asked.promise;
    const session = served.site.getSession(uid)!;
    assertEquals(session.visits, 2);

    await served.clock.advance(600);
    asked = Promise.withResolvers();
    await page.reload();
    await asked.promise;
    await served.clock.advance(600);

    assert(session.isActive);
    assertEquals(served.site.sessions.size, 1);
    assertEquals(purposes.filter((each) => each === "prefetch").length, 2);
  },
);

/** A page that notes when its stream closes, and how often it has opened. */
const LISTENING = `<script>
opens = 0; closes = 0;
source = new EventSource("/events");
source.onopen = () => opens++;
source.onerror = () => closes++;
</script>`;

browserTest(
  "A browser's stream is closed by a login in another tab, and opens again by the new cookie",
  async ({ serve, window }) => {
    const tokens: (string | undefined)[] = [];
    const served = serve(pages({
      page: (request) => (request.getSession(), LISTENING),
      login: logIn,
      events: (request) => {
        tokens.push(request.getHeader("cookie"));
        const events = request.getSession().events(request);
        events.send("hello");
        return events.response;
      },
    }));
    const visitor = await window();
    const page = await visitor.tab(served.https("/page"));
    await page.waitForFunction("opens === 1");

    await visitor.tab(served.https("/login"));

    await page.waitForFunction("closes >= 1 && opens === 2");
    assertEquals(tokens.length, 2);
    assertFalse(tokens[0] === tokens[1]);
    assertEquals(served.site.sessions.size, 1);
    await page.evaluate("source.close()");
    visitor.complaints.length = 0;
  },
);

browserTest(
  "A thief's stream is closed by the login, and does not open again",
  async ({ serve, window }) => {
    const served = serve(pages({
      page: (request) => (request.getSession(), LISTENING),
      login: logIn,
      events: (request) => {
        if (request.session === undefined) {
          return new Response(null, { status: 204 });
        }
        const events = request.session.events(request);
        events.send("hello");
        return events.response;
      },
    }));
    const visitor = await window();
    const page = await visitor.tab(served.https("/page"));
    const thief = await window();
    await thief.context.addCookies(await visitor.context.cookies());
    const stolen = await thief.tab(served.https("/page"));
    await stolen.waitForFunction("opens === 1");

    await page.goto(served.https("/login"));

    await stolen.waitForFunction("source.readyState === 2");
    assertEquals(await stolen.evaluate("opens"), 1);
  },
);
