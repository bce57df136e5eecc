// The sessions of one principal in the monitor, also of other processes.

import {
  assert,
  assertEquals,
  assertFalse,
  assertStringIncludes,
} from "@std/assert";
import { Resource, type Session, Site, type SiteOptions } from "../../mod.ts";
import { SessionMonitor } from "../../monitor/mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { Page } from "../helpers_http.ts";

const PAGE = "http://localhost/monitor";

/** A site with its monitor. */
class Watched implements AsyncDisposable {
  readonly errors: unknown[] = [];
  readonly site: Site;

  constructor(options: SiteOptions = {}) {
    const root = new Resource();
    this.site = new Site(root, {
      onError: (error) => void this.errors.push(error),
      describe: ({ request }) => request.headers.get("user-agent") ?? "",
      ...options,
    });
    root.putChild("monitor", new SessionMonitor(this.site));
    root.putChild(
      "login",
      new Page((request) => request.logIn(request.query.get("as")!).uid),
    );
  }

  /** Logs a new visitor in; returns the uid. */
  async logIn(name: string, agent = "Firefox"): Promise<string> {
    const response = await this.site.fetch(
      new Request(`http://localhost/login?as=${encodeURIComponent(name)}`, {
        headers: { "user-agent": agent },
      }),
    );
    assertEquals(response.status, 200);
    return await response.text();
  }

  async see(query: string): Promise<string> {
    const response = await this.site.fetch(new Request(PAGE + query));
    assertEquals(response.status, 200);
    return await response.text();
  }

  /** Posts the form that a page asks with; returns the address to go on with. */
  async confirm(query: string): Promise<string> {
    const page = await this.see(query);
    const body = new URLSearchParams();
    for (
      const [, name, value] of page.matchAll(/name="(\w+)" value="([^"]*)"/g)
    ) body.set(name!, value!);
    const response = await this.site.fetch(
      new Request(PAGE + query, { method: "POST", body }),
    );
    assertEquals(response.status, 303);
    return response.headers.get("location")!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site.close();
  }
}

function uidsIn(page: string): string[] {
  return [...page.matchAll(/<tr data-uid="(\w+)"/g)].map(([, uid]) => uid!);
}

/** Two sites over one store, as two processes. */
async function twoProcesses() {
  const store = new MemoryStore();
  const [one, other] = [new Watched({ store }), new Watched({ store })];
  await Promise.all([one.site.sessions.ready, other.site.sessions.ready]);
  return [one, other] as const;
}

Deno.test("SessionMonitor links each principal to its sessions, and shows their devices", async () => {
  await using watched = new Watched();
  const ada = await watched.logIn("ada", "Safari on a phone");
  await watched.logIn("adam");
  assertStringIncludes(
    await watched.see(""),
    'href="?order=newest&amp;principal=ada" title="ada"',
  );

  const page = await watched.see("?principal=ada");

  assertEquals(uidsIn(page), [ada]);
  assertStringIncludes(page, "Sessions of <bdi>ada</bdi>");
  assertStringIncludes(page, "<bdi>Safari on a phone</bdi>");
});

for (
  const name of [
    "",
    " ",
    "a&b=c",
    "a\nb",
    "\u202Ealice",
    "<b>",
    "x".repeat(500),
  ]
) {
  Deno.test(`SessionMonitor ends all sessions of ${JSON.stringify(name).slice(0, 20)}, and no others`, async () => {
    await using watched = new Watched();
    const { site } = watched;
    const sessions = [1, 2, 3].map(() => site.makeSession());
    for (const session of sessions.slice(0, 2)) session.principal = name;
    const query = `?principal=${encodeURIComponent(name)}&end=all`;
    assertStringIncludes(await watched.see(query), "2 sessions end at once");

    const location = await watched.confirm(query);

    assertEquals(
      sessions.map(({ end }) => end?.reason),
      ["revoked", "revoked", undefined],
    );
    assertStringIncludes(await watched.see(location), "have ended.");
  });
}

Deno.test("SessionMonitor ends no sessions of a principal without the form's token", async () => {
  await using watched = new Watched();
  await watched.logIn("ada");
  const body = new URLSearchParams({ all: "1" });
  for (const headers of [{}, { "sec-fetch-site": "cross-site" }]) {
    const response = await watched.site.fetch(
      new Request(`${PAGE}?principal=ada`, { method: "POST", body, headers }),
    );
    assertEquals(response.status, 403);
    await response.body?.cancel();
  }
  assertEquals(watched.site.sessionsOf("ada").length, 1);
});

Deno.test("SessionMonitor does not say that sessions have ended while one is live", async () => {
  await using watched = new Watched();
  await watched.logIn("ada");
  const page = await watched.see("?principal=ada&ended=all");
  assertFalse(page.includes("have ended."));
});

Deno.test("SessionMonitor drops a session of the principal that has ended since", async () => {
  await using watched = new Watched();
  const uid = await watched.logIn("ada");
  assertEquals(uidsIn(await watched.see("?principal=ada")), [uid]);
  watched.site.getSession(uid)!.expire();
  const page = await watched.see("?principal=ada");
  assertEquals(uidsIn(page), []);
  assertStringIncludes(page, "<bdi>ada</bdi> has no session.");
});

Deno.test("SessionMonitor over a store shows a principal's sessions in all processes", async () => {
  const [one, other] = await twoProcesses();
  await using _ = one;
  await using __ = other;
  const here = await one.logIn("ada");
  const there = await other.logIn("ada", "Chrome elsewhere");

  const page = await one.see("?principal=ada&order=oldest");

  assertEquals(uidsIn(page), [here, there]);
  assertStringIncludes(page, "<i>elsewhere</i>");
  assertStringIncludes(page, "<bdi>Chrome elsewhere</bdi>");
  const all = await one.see("");
  assertStringIncludes(all, "the list below are of this process");
  assertEquals(uidsIn(all), [here]);
});

Deno.test("SessionMonitor over a store offers to look for a principal in all processes", async () => {
  const [one, other] = await twoProcesses();
  await using _ = one;
  await using __ = other;
  await other.logIn("ada");
  assertStringIncludes(
    await one.see("?q=ada"),
    '<a href="?order=newest&amp;principal=ada">Look for the principal',
  );
});

Deno.test("SessionMonitor over a store ends a session of another process", async () => {
  const [one, other] = await twoProcesses();
  await using _ = one;
  await using __ = other;
  const uid = await other.logIn("ada", "Chrome elsewhere");
  const query = `?principal=ada&end=${uid}`;
  const form = await one.see(query);
  assertStringIncludes(form, uid);
  assertStringIncludes(form, "Chrome elsewhere");

  const location = await one.confirm(query);

  assertEquals(await other.site.sessions.list("ada"), []);
  const page = await one.see(location);
  assertEquals(uidsIn(page), []);
  assertStringIncludes(page, "has ended.");
});

Deno.test("SessionMonitor over a store ends all sessions of a principal in every process", async () => {
  const [one, other] = await twoProcesses();
  await using _ = one;
  await using __ = other;
  await one.logIn("ada");
  await other.logIn("ada");
  await other.logIn("grace");

  const location = await one.confirm("?principal=ada&end=all");

  assertEquals(await one.site.sessions.list("ada"), []);
  assertEquals((await one.site.sessions.list("grace")).length, 1);
  assertStringIncludes(
    await one.see(location),
    "All sessions of <bdi>ada</bdi> have ended.",
  );
});

Deno.test("SessionMonitor says so, and reports, if the store does not list", async () => {
  class Failing extends MemoryStore {
    isFailing = false;

    override uidsOf(principal: string) {
      if (this.isFailing) throw new Error("The store is away");
      return super.uidsOf(principal);
    }
  }
  const store = new Failing();
  await using watched = new Watched({ store });
  await watched.site.sessions.ready;
  const uid = await watched.logIn("ada");
  store.isFailing = true;

  const page = await watched.see("?principal=ada");

  assertEquals(uidsIn(page), [uid]);
  assertStringIncludes(page, "The store fails");
  assert(watched.errors.length > 0);
});

Deno.test("SessionMonitor tells a viewer whose own session is one of them", async () => {
  await using watched = new Watched();
  const { site } = watched;
  const login = await site.fetch(new Request("http://localhost/login?as=ada"));
  const [cookie] = login.headers.getSetCookie()[0]!.split(";");
  await login.body?.cancel();
  const response = await site.fetch(
    new Request(`${PAGE}?principal=ada&end=all`, {
      headers: { cookie: cookie! },
    }),
  );
  assertStringIncludes(
    await response.text(),
    "Your own session is one of them.",
  );
});

Deno.test("SessionMonitor's events show a principal's sessions", async () => {
  await using watched = new Watched();
  const sessions: Session[] = [1, 2].map(() => watched.site.makeSession());
  sessions[0]!.principal = "ada";
  const response = await watched.site.fetch(
    new Request(`${PAGE}/events?principal=ada`),
  );
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  const text = new TextDecoder().decode(value);
  const { parts } = JSON.parse(text.slice("data: ".length));
  assertEquals(uidsIn(parts.rows), [sessions[0]!.uid]);
  await reader.cancel();
});

Deno.test("SessionMonitor over a store counts the dead letters of all processes", async () => {
  const store = new MemoryStore();
  await using one = new Watched({ store, endRetryFor: 0 });
  await using other = new Watched({ store });
  one.site.onEnd("bill", () => {
    throw new Error("the bank is away");
  });
  await Promise.all([one.site.sessions.ready, other.site.sessions.ready]);
  const pattern = /<dt>Ends given up[^<]*<\/dt><dd>([^<]+)</;
  assertEquals(pattern.exec(await one.see(""))?.[1], "0");

  for (const name of ["ann", "bob"]) {
    const uid = await one.logIn(name);
    one.site.getSession(uid)!.notifyOnExpire("bill", name);
    await one.site.sessions.end(uid);
  }
  while ((await one.site.sessions.listDeadLetters()).length < 2) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assertEquals(pattern.exec(await other.see(""))?.[1], "2");
});

Deno.test("SessionMonitor without a store does not speak of all processes", async () => {
  await using watched = new Watched();
  assertFalse(/all processes/i.test(await watched.see("")));
});
