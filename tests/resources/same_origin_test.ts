import { assertEquals, assertThrows } from "@std/assert";
import {
  Guard,
  NameVirtualHost,
  type Resource,
  SameOrigin,
  type SameOriginOptions,
  SessionGuard,
} from "../../mod.ts";
import { alice, cave, check, REALM } from "../helpers_guard.ts";
import { Leaf, WatchedSite } from "../helpers_http.ts";

/** A partner of the site, whose pages may send any request. */
const PARTNER = "https://partner.test";

/** The resources that refuse requests of other origins, each before the cave. */
const DOORS:
  readonly (readonly [string, (options?: SameOriginOptions) => Resource])[] = [
    ["SameOrigin", (options) => new SameOrigin(cave, options)],
    ["Guard", (options) => new Guard(cave, check, { ...REALM, ...options })],
    [
      "SessionGuard",
      (options) => new SessionGuard(cave, check, { ...REALM, ...options }),
    ],
  ];

const UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "post-it"];
const SAFE = ["GET", "HEAD", "OPTIONS"];

/** Values of `Sec-Fetch-Site`, and whether the page is of the same origin. */
const SITES: readonly (readonly [string | undefined, boolean | undefined])[] = [
  [undefined, undefined],
  ["same-origin", true],
  ["none", true],
  ["same-site", false],
  ["cross-site", false],
  ["same-origin, cross-site", false],
  ["Same-Origin", false],
  ["", false],
];

/** Values of `Origin`, and whether they are those of pages of shop.test. */
const ORIGINS: readonly (readonly [string | undefined, boolean])[] = [
  [undefined, true],
  ["http://shop.test", true],
  ["https://shop.test", true],
  ["http://evil.test", false],
  ["null", false],
  ["", false],
  ["http://shop.test:81", false],
  ["http://blog.shop.test", false],
  ["http://shop.test.evil.test", false],
  ["http://evil@shop.test", false],
  ["http://shop.test, http://evil.test", false],
  ["http://shop.test/", false],
  ["shop.test", false],
  ["app://shop.test", false],
  ["javascript:shop.test", false],
];

/** Asks for a page of shop.test. */
function ask(
  root: Resource,
  method: string,
  headers: Record<string, string | undefined>,
): Promise<number> {
  return statusOf(
    root,
    new Request("http://shop.test/cave", {
      method,
      headers: {
        ...Object.fromEntries(
          Object.entries(headers).filter(([, value]) => value !== undefined),
        ) as Record<string, string>,
        host: "shop.test",
      },
    }),
  );
}

async function statusOf(root: Resource, request: Request): Promise<number> {
  await using site = new WatchedSite(root, { cookie: { secure: true } });
  const response = await site.fetch(request);
  await response.body?.cancel();
  assertEquals(site.errors, []);
  return response.status;
}

for (const [name, make] of DOORS) {
  Deno.test(`${name} lets in every unsafe method of its own origin only`, async () => {
    for (const [site, isOwn] of SITES) {
      for (const [origin, isOwnOrigin] of ORIGINS) {
        const headers = { ...alice.headers, "sec-fetch-site": site, origin };
        const seen = await ask(make(), "POST", headers);
        const right = isOwn ?? isOwnOrigin ? 200 : 403;
        assertEquals([site, origin, seen], [site, origin, right]);
      }
    }
  });

  Deno.test(`${name} refuses all methods that may change something`, async () => {
    for (const method of UNSAFE) {
      const headers = { ...alice.headers, "sec-fetch-site": "cross-site" };
      assertEquals([method, await ask(make(), method, headers)], [method, 403]);
    }
  });

  Deno.test(`${name} lets in safe methods of any origin`, async () => {
    for (const method of SAFE) {
      const headers = { ...alice.headers, "sec-fetch-site": "cross-site" };
      const status = await ask(make(), method, headers);
      assertEquals([method, status], [method, 200]);
    }
  });

  Deno.test(`${name} refuses sockets that pages of other origins open`, async () => {
    for (const [origin, isOwnOrigin] of ORIGINS) {
      const headers = { ...alice.headers, upgrade: "websocket", origin };
      const status = await ask(make(), "GET", headers);
      assertEquals([origin, status], [origin, isOwnOrigin ? 200 : 403]);
    }
    const headers = {
      ...alice.headers,
      upgrade: "websocket",
      "sec-fetch-site": "cross-site",
      origin: PARTNER,
    };
    assertEquals(await ask(make(), "GET", headers), 403);
    assertEquals(await ask(make({ origins: [PARTNER] }), "GET", headers), 200);
  });

  Deno.test(`${name} lets in the origins of its option`, async () => {
    const root = make({ origins: [PARTNER] });
    for (
      const [origin, status] of [
        [PARTNER, 200],
        ["https://partner.test.evil.test", 403],
        ["http://partner.test", 403],
        ["https://PARTNER.test", 403],
      ] as const
    ) {
      const headers = {
        ...alice.headers,
        "sec-fetch-site": "cross-site",
        origin,
      };
      assertEquals([origin, await ask(root, "POST", headers)], [
        origin,
        status,
      ]);
    }
  });

  Deno.test(`${name} refuses a wrong option origins`, () => {
    for (
      const origin of [
        "*",
        "null",
        "",
        "partner.test",
        "https://partner.test/",
        "https://partner.test/page",
        "https://alice@partner.test",
        "https://Partner.test",
        "https://partner.test:443",
      ]
    ) {
      assertThrows(
        () => make({ origins: [origin] }),
        RangeError,
        `origins is not a list of origins such as "https://app.example": [${
          JSON.stringify(origin)
        }]`,
      );
    }
    assertThrows(
      () => make({ origins: PARTNER as unknown as string[] }),
      TypeError,
      "origins is not a list of origins",
    );
    assertThrows(
      () => make({ origin: PARTNER } as SameOriginOptions),
      TypeError,
      'there is no option "origin"',
    );
  });

  Deno.test(`${name} takes the origin of an installed app`, async () => {
    const root = make({ origins: ["capacitor://localhost"] });
    const headers = { ...alice.headers, origin: "capacitor://localhost" };
    assertEquals(await ask(root, "POST", headers), 200);
  });

  Deno.test(`${name} keeps its own copy of the origins`, async () => {
    const origins = [PARTNER];
    const root = make({ origins });
    origins.push("http://evil.test");
    const headers = { ...alice.headers, origin: "http://evil.test" };
    assertEquals(await ask(root, "POST", headers), 403);
  });
}

for (const scheme of ["Bearer", "bearer", "BEARER"]) {
  Deno.test(`SameOrigin lets in a cross-site request with a ${scheme} token`, async () => {
    const headers = {
      authorization: `${scheme} abc`,
      "sec-fetch-site": "cross-site",
    };
    assertEquals(await ask(new SameOrigin(cave), "POST", headers), 200);
  });
}

for (
  const authorization of ["Basic Bearer", "Bearer", "Bearerabc", "Negotiate x"]
) {
  Deno.test(`SameOrigin refuses a cross-site request with "${authorization}"`, async () => {
    const headers = { authorization, "sec-fetch-site": "cross-site" };
    assertEquals(await ask(new SameOrigin(cave), "POST", headers), 403);
  });
}

Deno.test("Guard asks no check about a request that it refuses for its origin", async () => {
  let asked = 0;
  const guard = new Guard(cave, () => ++asked > 0, REALM);
  await ask(guard, "POST", { ...alice.headers, origin: "http://evil.test" });
  assertEquals(asked, 0);
});

Deno.test("SessionGuard refuses a cross-site request with the cookie too", async () => {
  await using site = new WatchedSite(new SessionGuard(cave, check, REALM));
  const login = await site.visit("/", alice);
  const [cookie = ""] = login.headers.getSetCookie()[0]!.split(";");
  const { status } = await site.visit("/", {
    method: "POST",
    headers: { cookie, "sec-fetch-site": "cross-site" },
  });
  assertEquals(status, 403);
});

Deno.test("SameOrigin takes no segment of the path", async () => {
  await using site = new WatchedSite(new SameOrigin(cave));
  assertEquals(await (await site.visit("/a//b")).text(), "undefined  > a||b");
  assertEquals(await (await site.visit("/")).text(), "undefined  > ");
});

Deno.test("SameOrigin refuses to protect what is no Resource", () => {
  assertThrows(
    () => new SameOrigin("cave" as unknown as Resource),
    TypeError,
    'Cannot protect "cave": it is not a Resource',
  );
});

for (
  const [name, wrap] of [
    ["SameOrigin", (resource) => new SameOrigin(resource)],
    ["Guard", (resource) => new Guard(resource, check, REALM)],
    ["NameVirtualHost", (resource) => {
      const hosts = new NameVirtualHost();
      hosts.default = resource;
      return hosts;
    }],
  ] as readonly [string, (resource: Resource) => Resource][]
) {
  Deno.test(`${name} before a resource that touches no session touches none`, async () => {
    const page = new Leaf((request) => request.getSession().uid);
    page.touchesSession = false;
    const root = new Leaf(() => "");
    root.isLeaf = false;
    root.putChild("in", wrap(page));
    await using site = new WatchedSite(root);

    const response = await site.visit("/in", alice);

    assertEquals(response.status, 200);
    assertEquals(response.headers.getSetCookie(), []);
    assertEquals(site.sessions.size, 0);
  });
}
