// Principals that nobody should have: they log in and out as any other, and are
// shown isolated and visible.

import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  Guard,
  LoginGuard,
  Resource,
  Site,
  type SiteOptions,
} from "../../mod.ts";
import { SessionMonitor } from "../../monitor/mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { TestSite } from "../../testing.ts";
import { captureConsole, Leaf } from "../helpers_http.ts";
import { testWith } from "../helpers_process.ts";

const HOSTILE: Readonly<Record<string, string>> = {
  "an empty text": "",
  "a space": " ",
  "the word none": "none",
  "the word undefined": "undefined",
  "a name of Object": "__proto__",
  "markup": '"><script>alert(1)</script>&amp;',
  "line breaks": "alice\r\nX-Admin: yes\r\n\r\n",
  "a NUL": "alice\0",
  "an escape of a terminal": "alice\x1b[2J\x1b]0;owned\x07\x9b31m",
  "a bidirectional override": "\u202eecila",
  "isolates that are open": "\u2066\u2067\u2068alice",
  "invisible characters": "al\u200bi\u2060c\ufeffe\u00ad",
  "a lone surrogate": "alice\ud800",
  "a line separator": "alice\u2028\u2029bob",
  "combining marks": `a${"\u0301".repeat(500)}`,
  "a tag of an emoji": "\u{e0061}\u{e006c}alice",
  "100,000 characters": "a".repeat(100_000),
};

/** Matches what rewrites or hides the text around it. */
const DANGEROUS =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ud800-\udfff]/;

/** Whether a text has something dangerous besides its line breaks. */
function isDangerous(text: string): boolean {
  return DANGEROUS.test(
    text.replace(/[\n\r\t]/g, "").replace(
      // Pairs are characters.
      /[\ud800-\udbff][\udc00-\udfff]/g,
      "",
    ),
  );
}

/** A site whose login takes any name from the body. */
function makeSite(options: SiteOptions): Site {
  const root = new Resource();
  const site = new Site(root, options);
  root.putChild(
    "in",
    new Leaf(async (request) => {
      const name = await request.json();
      return request.logIn(name as string).uid;
    }),
  )
    .putChild("who", new Leaf((request) => JSON.stringify(request.principal)))
    .putChild(
      "members",
      new LoginGuard(new Leaf(({ user }) => JSON.stringify(user))),
    )
    .putChild(
      "monitor",
      new Guard(new SessionMonitor(site), () => true, { realm: "x" }),
    );
  return site;
}

const admin = { headers: { authorization: `Basic ${btoa("admin:x")}` } };

async function checkLogin(
  principal: string,
  store: SessionStore | undefined,
): Promise<void> {
  await using testSite = new TestSite(
    makeSite,
    store === undefined ? {} : { store },
  );
  const visitor = testSite.visitor();
  const bob = testSite.visitor();
  const logIn = (who: typeof visitor, name: string) =>
    who.fetch("/in", { method: "POST", body: JSON.stringify(name) });
  await logIn(bob, "bob");

  const { status } = await logIn(visitor, principal);

  assertEquals(status, 200);
  const said = JSON.stringify(principal);
  assertEquals(await (await visitor.fetch("/who")).text(), said);
  assertEquals(await (await visitor.fetch("/members")).text(), said);
  const { site } = testSite;
  assertEquals(site.sessionsOf(principal), [visitor.session!]);
  assertEquals(await site.endSessions(principal), 1);
  assertEquals((await visitor.fetch("/members")).status, 303);
  assertEquals(await (await bob.fetch("/who")).text(), '"bob"');
}

for (const [what, principal] of Object.entries(HOSTILE)) {
  Deno.test(`logIn() takes a principal that is ${what}, and that alone`, async () => {
    await checkLogin(principal, undefined);
    await checkLogin(principal, new MemoryStore());
  });

  testWith(
    ["read", "write"],
    `logIn() over SQLite takes a principal that is ${what}`,
    async () => {
      // UTF-8 has no lone surrogates: what is stored is another text.
      const { isWellFormed } = String.prototype;
      if (!isWellFormed.call(principal)) return;
      using store = new SqliteStore({ path: ":memory:" });
      await checkLogin(principal, store);
    },
  );

  Deno.test(`SessionMonitor shows a principal that is ${what} isolated and visible`, async () => {
    await using testSite = new TestSite(makeSite);
    const session = testSite.site.makeSession();
    session.principal = principal;
    testSite.site.makeSession().principal = "bob";

    const page = await (await testSite.visitor().fetch("/monitor", admin))
      .text();
    const confirm = await (await testSite.visitor().fetch(
      `/monitor?end=${session.uid}`,
      admin,
    )).text();

    for (const html of [page, confirm]) {
      assertFalse(isDangerous(html));
      assertFalse(html.includes("<script>alert"));
      assertEquals(
        html.split("<bdi>").length,
        html.split("</bdi>").length,
      );
    }
    const [, cell = ""] = new RegExp(
      `data-uid="${session.uid}".*?<td class="who">(.*?)</td>`,
    )
      .exec(page)!;
    assert(/^<a [^>]*><bdi/.test(cell), cell.slice(0, 200));
    assert(cell.replace(/<[^>]*>/g, "").trim() !== "", "it is empty");
  });

  Deno.test(`The access log and the errors of a principal that is ${what} have one clean line each`, async () => {
    using console = captureConsole();
    const lines: string[] = [];
    await using testSite = new TestSite(
      (options) => {
        // The default prints errors.
        const { onError: _, ...others } = options;
        return makeSite(others);
      },
      {
        accessLog: (line: string) => void lines.push(line),
        maxSessionsPerPrincipal: 1,
        whenPrincipalIsFull: "refuse" as const,
      },
    );
    for (const status of [200, 409]) {
      const visitor = testSite.visitor();
      const response = await visitor.fetch("/in", {
        method: "POST",
        body: JSON.stringify(principal),
      });
      assertEquals(response.status, status);
      assertFalse(isDangerous(await response.text()));
      await (await visitor.fetch("/members")).text();
    }
    assert(lines.length >= 4);
    for (const line of lines) {
      assertEquals(line.trimEnd().split("\n").length, 1);
      assertFalse(isDangerous(line), line.slice(0, 200));
    }
    for (const printed of console.printed) {
      assertFalse(isDangerous(String(printed[0])));
    }
  });
}

for (const principal of [undefined, null, 5, true, {}, [], Symbol("alice")]) {
  Deno.test(`logIn() refuses ${String(principal)} with a TypeError, and changes nothing`, async () => {
    const errors: unknown[] = [];
    await using testSite = new TestSite((options) =>
      new Site(
        new Leaf((request) => {
          const { uid } = request.getSession();
          try {
            request.logIn(principal as unknown as string);
          } catch (error) {
            errors.push(error);
          }
          return `${uid} ${request.principal}`;
        }),
        options,
      )
    );
    const visitor = testSite.visitor();
    const { uid } = (await visitor.fetch("/"), visitor.session!);
    const before = visitor.cookiesFor("/");

    const text = await (await visitor.fetch("/")).text();

    assertEquals(text, `${uid} undefined`);
    assertEquals(visitor.cookiesFor("/"), before);
    assert(errors.every((error) => error instanceof TypeError));
    assertEquals(errors.length, 2);
  });
}
