import {
  assert,
  assertEquals,
  assertFalse,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  Guard,
  HttpError,
  NameVirtualHost,
  type PasswordCheck,
  Resource,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import {
  alice,
  cave,
  check,
  login,
  REALM,
  withAuthorization,
} from "../helpers_guard.ts";
import { Page, rawRequest, WatchedSite } from "../helpers_http.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW"];
const PATHS = ["/", "/a", "/a/", "/a//b/%zz", "/nowhere?x=1"];
/** A site with the cave behind a guard that goes by a check. */
function siteOf(check: PasswordCheck, options?: SiteOptions): WatchedSite {
  return new WatchedSite(new Guard(cave, check, REALM), options);
}

/** The user and the password that a check is asked about. */
async function askedFor(init: RequestInit): Promise<string[][]> {
  const asked: string[][] = [];
  await using site = siteOf((...credentials) => {
    asked.push(credentials);
    return false;
  });
  assertEquals((await site.visit("/", init)).status, 401);
  assertEquals(site.errors, []);
  return asked;
}

Deno.test("Guard lets through who says the password", async () => {
  await using site = siteOf(check);

  const response = await site.visit("/", alice);

  assertEquals(response.status, 200);
  assertEquals(await response.text(), "alice  > ");
});

Deno.test("Guard adds nothing to the response of who is let through", async () => {
  await using site = siteOf(check);

  const { headers } = await site.visit("/", alice);

  assertEquals([...headers.keys()], ["content-type"]);
});

for (
  const [who, init] of [
    ["nobody", {}],
    ["a wrong password", login("alice", "please")],
    ["a password that is longer", login("alice", "open sesame!")],
    ["no password", login("alice", "")],
    ["an unknown user", login("mallory", "open sesame")],
    ["no user", login("", "open sesame")],
    ["a user in another case", login("Alice", "open sesame")],
    ["a name that objects have", login("constructor", "open sesame")],
    ["the name of a prototype", login("__proto__", "")],
  ] as [string, RequestInit][]
) {
  Deno.test(`Guard answers 401 to ${who}`, async () => {
    await using site = siteOf(check);

    assertEquals((await site.visit("/", init)).status, 401);
  });
}

for (
  const header of [
    "",
    "Basic",
    "Basic ",
    "Basic =",
    "Basic *** ***",
    "Basic YWxpY2U6b3BlbiBzZXNhbWU$",
    "Basic YWxpY2U6b3BlbiBzZXNhbWU===",
    "Basic YWxpY2U6 b3BlbiBzZXNhbWU=",
    "Basic YWxpY2U6b3BlbiBzZXNhbWU=, Basic YWxpY2U6b3BlbiBzZXNhbWU=",
    "Basic,YWxpY2U6b3BlbiBzZXNhbWU=",
    "BasicYWxpY2U6b3BlbiBzZXNhbWU=",
    'Basic realm="Treasure"',
    "Basic \xff\xfe",
    `Basic ${btoa("no colon")}`,
    `Basic ${btoa("\xff\xfe:\xc3")}`,
    `Basic ${btoa("alice:open sesame\0")}`,
    `Basic ${btoa("alice\r\nx: y:open sesame")}`,
    "Bearer YWxpY2U6b3BlbiBzZXNhbWU=",
    'Digest username="alice"',
    "Negotiate YWxpY2U6b3BlbiBzZXNhbWU=",
    "YWxpY2U6b3BlbiBzZXNhbWU=",
    "alice:open sesame",
  ]
) {
  Deno.test(`Guard asks no check about ${JSON.stringify(header)}`, async () => {
    assertEquals(await askedFor(withAuthorization(header)), []);
  });
}

Deno.test("Guard asks no check about a huge header of garbage", async () => {
  const garbage = `Basic ${"A".repeat(999_999)}*`;

  assertEquals(await askedFor(withAuthorization(garbage)), []);
});

Deno.test("Guard answers 401 to a huge password", async () => {
  await using site = siteOf(check);

  const { status } = await site.visit("/", login("alice", "x".repeat(1e6)));

  assertEquals(status, 401);
});

for (const scheme of ["basic", "BASIC", "bAsIc"]) {
  Deno.test(`Guard reads the scheme ${scheme}`, async () => {
    const credentials = btoa("alice:open sesame");

    assertEquals(
      await askedFor(withAuthorization(`${scheme}  ${credentials}`)),
      [["alice", "open sesame"]],
    );
  });
}

Deno.test("Guard reads base64 without its padding", async () => {
  assertEquals(
    await askedFor(withAuthorization("Basic YWxpY2U6b3BlbiBzZXNhbWU")),
    [["alice", "open sesame"]],
  );
});

Deno.test("Guard cuts at the first colon: the password may have more", async () => {
  assertEquals(await askedFor(login("alice", "a:b::")), [["alice", "a:b::"]]);
});

Deno.test("Guard reads UTF-8", async () => {
  assertEquals(await askedFor(login("älice", "🔑")), [["älice", "🔑"]]);
});

Deno.test("Guard leaves out no character of the user's name", async () => {
  assertEquals(await askedFor(login("\ufeffalice ", " ")), [
    ["\ufeffalice ", " "],
  ]);
});

Deno.test("Guard asks for a password in UTF-8 of its realm", async () => {
  await using site = siteOf(check);

  const { headers } = await site.visit("/");

  assertEquals(
    headers.get("www-authenticate"),
    'Basic realm="Treasure", charset="UTF-8"',
  );
});

Deno.test("Guard has its 401 stored by nobody", async () => {
  await using site = siteOf(check);

  const { headers } = await site.visit("/");

  assertEquals(headers.get("cache-control"), "no-store");
});

Deno.test("Guard answers 401 with a page that echoes nothing", async () => {
  await using site = siteOf(check);

  const response = await site.visit("/<b>", login("<b>", "<b>"));

  assertEquals(
    response.headers.get("content-type"),
    "text/html; charset=utf-8",
  );
  const text = await response.text();
  assertStringIncludes(text, "<h1>Unauthorized</h1>");
  assertFalse(text.includes("<b>"));
});

Deno.test("Guard answers the same 401 at every depth and for every method", async () => {
  const tree = new Resource().putChild("a", new Page(() => "found"));
  await using site = new WatchedSite(new Guard(tree, check, REALM));

  for (const path of PATHS) {
    for (const method of METHODS) {
      const response = await site.visit(path, { method });
      assertEquals(response.status, 401, `${method} ${path}`);
      assert(response.headers.has("www-authenticate"), `${method} ${path}`);
      assertFalse(response.headers.has("allow"), `${method} ${path}`);
    }
  }
});

Deno.test("Guard does not ask what is behind it before it lets through", async () => {
  class Dynamic extends Resource {
    override getChild(): Resource {
      throw new Error("getChild was called");
    }
  }
  await using site = new WatchedSite(new Guard(new Dynamic(), check, REALM));

  assertEquals((await site.visit("/a")).status, 401);
  assertEquals(site.errors, []);
});

Deno.test("Guard answers HEAD without a body", async () => {
  await using site = siteOf(check);

  const response = await site.visit("/", { method: "HEAD" });

  assertEquals(await response.text(), "");
});

Deno.test("Guard takes no segment from a leaf", async () => {
  await using site = siteOf(check);

  const response = await site.visit("/a//b/", alice);

  assertEquals(await response.text(), "alice  > a||b|");
});

Deno.test("Guard takes no segment from a tree", async () => {
  const tree = new Resource().putChild("a", cave);
  const root = new Resource().putChild("in", new Guard(tree, check, REALM));
  await using site = new WatchedSite(root);

  const response = await site.visit("/in/a/b", alice);

  assertEquals(await response.text(), "alice in|a > b");
});

Deno.test("Guard answers a path that ends at it", async () => {
  const page = new Page(({ user }) => `page of ${user}`);
  const root = new Resource().putChild("in", new Guard(page, check, REALM));
  await using site = new WatchedSite(root);

  assertEquals((await site.visit("/in")).status, 401);
  assertEquals(
    await (await site.visit("/in", alice)).text(),
    "page of alice",
  );
});

Deno.test("Guard lets a path that ends at it through by a promise", async () => {
  const page = new Page(({ user }) => `page of ${user}`);
  const guard = new Guard(page, () => Promise.resolve(true), REALM);
  await using site = new WatchedSite(new Resource().putChild("in", guard));

  assertEquals(
    await (await site.visit("/in", alice)).text(),
    "page of alice",
  );
});

Deno.test("Guard leaves what is beside it open", async () => {
  const root = new Resource()
    .putChild("in", new Guard(cave, check, REALM))
    .putChild("out", cave);
  await using site = new WatchedSite(root);

  assertEquals((await site.visit("/out")).status, 200);
});

Deno.test("Guard behind a guard asks again", async () => {
  const inner = new Guard(cave, () => false, { realm: "Inner" });
  await using site = new WatchedSite(new Guard(inner, check, REALM));

  const { status, headers } = await site.visit("/", alice);

  assertEquals(status, 401);
  assertStringIncludes(headers.get("www-authenticate")!, "Inner");
});

Deno.test("Guard may stand before virtual hosts", async () => {
  const hosts = new NameVirtualHost(cave);
  await using site = new WatchedSite(new Guard(hosts, check, REALM));

  assertEquals(await (await site.visit("/a", alice)).text(), "alice  > a");
});

Deno.test("Guard does not serve children of its own", async () => {
  const guard = new Guard(new Resource(), check, REALM);
  guard.putChild("a", cave);
  await using site = new WatchedSite(guard);

  assertEquals((await site.visit("/a")).status, 401);
  assertEquals((await site.visit("/a", alice)).status, 404);
});

Deno.test("Guard asks once a request", async () => {
  const root = new Resource().putChild("a", cave);
  let count = 0;
  const guard = new Guard(root, () => ++count > 0, REALM);
  await using site = new WatchedSite(guard);

  await site.visit("/a/b/c", alice);

  assertEquals(count, 1);
});

Deno.test("Guard answers at once where the check does", async () => {
  await using site = siteOf(check);

  const response = site.fetch(new Request("http://localhost/", alice));

  assert(response instanceof Response);
});

for (
  const [verdict, status] of [
    [true, 200],
    [false, 401],
    [Promise.resolve(true), 200],
    [Promise.resolve(false), 401],
  ] as const
) {
  const name = verdict instanceof Promise ? "a promise of it" : `${verdict}`;
  Deno.test(`Guard goes by the check's verdict: ${name}, ${status}`, async () => {
    await using site = siteOf(() => verdict);

    assertEquals((await site.visit("/", alice)).status, status);
  });
}

for (
  const verdict of [undefined, null, 0, 1, "", "yes", {}, [], () => true]
) {
  for (const wrap of [<T>(value: T) => value, Promise.resolve.bind(Promise)]) {
    const name = `${Deno.inspect(verdict)}${wrap(1) === 1 ? "" : ", promised"}`;
    Deno.test(`Guard reports a verdict that is none: ${name}`, async () => {
      await using site = siteOf(() => wrap(verdict) as boolean);

      const response = await site.visit("/a", alice);

      assertEquals(response.status, 500);
      assertEquals(site.errors.length, 1);
      assertStringIncludes(`${site.errors[0]}`, "neither true nor false");
      assertFalse(`${site.errors[0]}`.includes("sesame"));
    });
  }
}

const failure = new Error("The directory is down");
for (
  const [name, failing] of [
    ["throws", () => {
      throw failure;
    }],
    ["rejects", () => Promise.reject(failure)],
  ] as [string, PasswordCheck][]
) {
  Deno.test(`Guard reports a check that ${name}, and lets nobody in`, async () => {
    const guard = new Guard(cave, failing, REALM);
    const root = new Resource().putChild("in", guard);
    await using site = new WatchedSite(root);

    for (const path of ["/in", "/in/", "/in/a/b"]) {
      const response = await site.visit(path, alice);
      assertEquals(response.status, 500, path);
      assertFalse((await response.text()).includes("directory"));
      assertEquals(site.errors.splice(0), [failure], path);
      assertEquals(site.contexts.splice(0)[0]?.request?.user, undefined);
    }
  });
}

Deno.test("Guard answers with the status of an HttpError that a check throws", async () => {
  await using site = siteOf(() => {
    throw new HttpError(429, "Later.");
  });

  assertEquals((await site.visit("/", alice)).status, 429);
  assertEquals(site.errors, []);
});

Deno.test("Guard names the user in the access log", async () => {
  const lines: string[] = [];
  await using site = siteOf(check, {
    accessLog: (line) => void lines.push(line),
  });

  await site.visit("/", alice);
  await site.visit("/", login("mallory", "x"));

  assertEquals(lines.map((line) => line.split(" ")[2]), ["alice", "-"]);
});

for (
  const host of ["x/open", "x?open", "x#open", "x\\open", "user@x", "x open"]
) {
  Deno.test(`Guard answers 400 to the host ${host}`, async () => {
    await using site = siteOf(check);
    const request = rawRequest("http://x/open/");
    request.headers.set("host", host);
    request.headers.set("authorization", `Basic ${btoa("alice:open sesame")}`);

    assertEquals((await site.fetch(request)).status, 400);
  });
}

for (
  const [realm, quoted] of [
    ["", '""'],
    ['my "realm"', '"my \\"realm\\""'],
    ["C:\\", '"C:\\\\"'],
    ['", charset="x', '"\\", charset=\\"x"'],
  ] as const
) {
  Deno.test(`Guard quotes the realm ${realm}`, async () => {
    await using site = new WatchedSite(new Guard(cave, check, { realm }));

    const { headers } = await site.visit("/");

    assertEquals(
      headers.get("www-authenticate"),
      `Basic realm=${quoted}, charset="UTF-8"`,
    );
  });
}

for (const realm of ["a\r\nSet-Cookie: x=y", "a\nb", "a\0b", "\t", "é", "🔑"]) {
  Deno.test(`Guard refuses the realm ${JSON.stringify(realm)}`, () => {
    assertThrows(
      () => new Guard(cave, check, { realm }),
      SyntaxError,
      `Cannot use realm ${JSON.stringify(realm)}: not printable ASCII`,
    );
  });
}

Deno.test("Guard refuses a realm that is not a string", () => {
  const realm = undefined as unknown as string;

  assertThrows(() => new Guard(cave, check, { realm }), TypeError, "undefined");
});

Deno.test("Guard refuses to guard what is no Resource", () => {
  const resource = "cave" as unknown as Resource;

  assertThrows(
    () => new Guard(resource, check, REALM),
    TypeError,
    'Cannot guard "cave": it is not a Resource',
  );
});

Deno.test("Guard refuses a check that is not a function", () => {
  const users = { alice: "open sesame" } as unknown as PasswordCheck;

  assertThrows(
    () => new Guard(cave, users, REALM),
    TypeError,
    "the check is not a function",
  );
});

Deno.test("Guard.authenticate() may be overridden", async () => {
  class KeyGuard extends Guard {
    override authenticate(request: SiteRequest): string | undefined {
      return request.getHeader("x-key") === "k1" ? "robot" : undefined;
    }
  }
  await using site = new WatchedSite(new KeyGuard(cave, check, REALM));

  const robot = await site.visit("/", { headers: { "x-key": "k1" } });

  assertEquals(await robot.text(), "robot  > ");
  assertEquals((await site.visit("/", alice)).status, 401);
});

for (const answer of [null, false, true, 0, Promise.resolve(null)]) {
  Deno.test(`Guard.authenticate() lets nobody through by ${Deno.inspect(answer)}`, async () => {
    class OddGuard extends Guard {
      override authenticate(): string | undefined {
        return answer as unknown as string;
      }
    }
    await using site = new WatchedSite(new OddGuard(cave, check, REALM));

    assertEquals((await site.visit("/", alice)).status, 401);
  });
}

/** Sends the head of a request over TCP, and answers the first line that comes. */
async function sendTo(root: Resource, ...lines: string[]): Promise<string> {
  await using site = new WatchedSite(root);
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    site.fetch,
  );
  const { port } = server.addr;
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const head = [...lines, "Connection: close", "", ""].join("\r\n");
  await connection.write(new TextEncoder().encode(head));
  const answer = await new Response(connection.readable).text();
  await server.shutdown();
  return answer.split("\r\n", 1)[0]!;
}

const ignore = Deno.permissions.querySync({ name: "net" }).state !== "granted";

for (
  const [what, status, lines] of [
    ["no password", "401 Unauthorized", ["Host: x"]],
    ["the password", "200 OK", [
      "Host: x",
      "Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=",
    ]],
    ["two passwords", "401 Unauthorized", [
      "Host: x",
      "Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=",
      "Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=",
    ]],
    ["a folded password", "400 Bad Request", [
      "Host: x",
      "Authorization: Basic",
      " YWxpY2U6b3BlbiBzZXNhbWU=",
    ]],
    ["a host that moves the path", "400 Bad Request", ["Host: x/in"]],
  ] as [string, string, string[]][]
) {
  Deno.test(
    `Guard on the wire answers ${status} to ${what}`,
    { ignore },
    async () => {
      const root = new Resource().putChild("in", new Guard(cave, check, REALM));

      assertEquals(
        await sendTo(root, "GET /in/a HTTP/1.1", ...lines),
        `HTTP/1.1 ${status}`,
      );
    },
  );
}
