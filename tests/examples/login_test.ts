import { assertEquals, assertStringIncludes } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { site } from "../../examples/login.ts";
import { cookieOf } from "../helpers_http.ts";

const ADDRESS = { transport: "tcp", port: 1 } as const;

/** Asks the example's site, and ends its sessions at the end of the test. */
class Browser implements Disposable {
  cookie = "";
  readonly #hostname: string;

  constructor(hostname = "10.0.0.1") {
    this.#hostname = hostname;
  }

  async ask(path: string, fields?: Record<string, string>): Promise<Response> {
    const response = await site.fetch(
      new Request(`http://localhost${path}`, {
        headers: { cookie: this.cookie },
        ...(fields === undefined
          ? {}
          : { method: "POST", body: new URLSearchParams(fields) }),
      }),
      { remoteAddr: { ...ADDRESS, hostname: this.#hostname } },
    );
    if (response.headers.has("set-cookie")) this.cookie = cookieOf(response);
    return response;
  }

  logIn(password = "open sesame", name = "alice"): Promise<Response> {
    return this.ask("/login?next=%2F", { name, password });
  }

  [Symbol.dispose](): void {
    for (const session of site.sessions.values()) session.expire();
  }
}

Deno.test("login sends strangers to the login page, and back", async () => {
  using browser = new Browser();
  const stranger = await browser.ask("/");
  assertEquals(stranger.headers.get("location"), "/login?next=%2F");
  assertStringIncludes(await (await browser.ask("/login")).text(), "<form");

  const login = await browser.logIn();

  assertEquals([login.status, login.headers.get("location")], [303, "/"]);
  const page = await (await browser.ask("/")).text();
  assertStringIncludes(page, "Hello alice");
  assertStringIncludes(page, "logged in 1 times");
});

for (
  const [password, name] of [
    ["please", "alice"],
    ["", "alice"],
    ["open sesame", "bob"],
    ["open sesame", ""],
    ["null", "null"],
  ] as const
) {
  Deno.test(`login refuses "${name}" with "${password}"`, async () => {
    using browser = new Browser(`10.0.1.${password.length}`);
    assertEquals((await browser.logIn(password, name)).status, 403);
    assertEquals((await browser.ask("/")).status, 303);
  });
}

Deno.test("login makes wait for a minute after five wrong passwords", async () => {
  using time = new FakeTime();
  using browser = new Browser("10.0.0.2");
  for (let i = 0; i < 5; i++) {
    assertEquals((await browser.logIn("please")).status, 403);
  }
  for (let i = 0; i < 3; i++) {
    assertEquals((await browser.logIn()).status, 429);
  }
  using other = new Browser("10.0.0.3");
  assertEquals((await other.logIn()).status, 303);

  time.tick(60_000);

  assertEquals((await browser.logIn()).status, 303);
});

Deno.test("login counts passwords that are tried at once", async () => {
  using _time = new FakeTime();
  using browser = new Browser("10.0.0.4");
  const tries = Array.from({ length: 8 }, () => browser.logIn("please"));
  const statuses = (await Promise.all(tries)).map(({ status }) => status);
  assertEquals(statuses.filter((status) => status === 429).length, 3);
});

Deno.test("login logs out, here or everywhere else", async () => {
  using desk = new Browser();
  using phone = new Browser();
  await desk.logIn();
  await phone.logIn();

  await desk.ask("/", { end: "others" });

  assertEquals((await phone.ask("/")).status, 303);
  assertEquals((await desk.ask("/")).status, 200);
  await desk.ask("/", { end: "this" });
  assertEquals((await desk.ask("/")).status, 303);
  assertEquals(site.sessions.size, 0);
});

Deno.test("login refuses forms of other sites", async () => {
  const response = await site.fetch(
    new Request("http://localhost/login", {
      method: "POST",
      headers: { "sec-fetch-site": "cross-site" },
      body: new URLSearchParams({ name: "alice", password: "open sesame" }),
    }),
  );
  assertEquals(response.status, 403);
});
