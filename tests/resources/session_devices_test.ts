import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  Guard,
  passwordCheck,
  Resource,
  SessionGuard,
  type SiteOptions,
} from "../../mod.ts";
import { SessionDevices } from "../../resources/session_devices.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { TestClock, TestSite, type TestVisitor } from "../../testing.ts";
import { Leaf } from "../helpers_http.ts";

/** A site with the page at "/devices", and logins of any name. */
function siteWith(options: SiteOptions = {}): TestSite {
  const root = new Resource()
    .putChild(
      "login",
      new Leaf((request) => request.logIn(request.query.get("name")!).uid),
    )
    .putChild("who", new Leaf((request) => request.principal ?? "nobody"))
    .putChild("devices", new SessionDevices({ signedOutPage: "/bye" }));
  return new TestSite(root, {
    clock: new TestClock(),
    describe: ({ request }) => request.headers.get("user-agent") ?? "",
    ...options,
  });
}

/** Logs a new visitor in, and returns the uid of the session too. */
async function enter(
  site: TestSite,
  name: string,
  device: string,
): Promise<[TestVisitor, string]> {
  const visitor = site.visitor();
  const response = await visitor.fetch(`/login?name=${name}`, {
    headers: { "user-agent": device },
  });
  return [visitor, await response.text()];
}

async function pageOf(visitor: TestVisitor): Promise<string> {
  const response = await visitor.fetch("/devices");
  assertEquals(response.status, 200);
  return await response.text();
}

function post(
  visitor: TestVisitor,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return visitor.fetch("/devices", {
    method: "POST",
    body: new URLSearchParams(fields),
    headers,
  });
}

async function whoIs(visitor: TestVisitor): Promise<string> {
  return await (await visitor.fetch("/who")).text();
}

const KINDS: Record<string, () => SiteOptions> = {
  "the Map": () => ({}),
  "a store": () => {
    const clock = new TestClock();
    return { clock, store: new MemoryStore({ clock }) };
  },
};

for (const [kind, makeOptions] of Object.entries(KINDS)) {
  Deno.test(`SessionDevices over ${kind} shows this device first, and the others of the user alone`, async () => {
    await using site = siteWith(makeOptions());
    await enter(site, "alice", "Firefox");
    const [chrome] = await enter(site, "alice", "Chrome");
    await enter(site, "bob", "Opera");

    const page = await pageOf(chrome);

    const names = [...page.matchAll(/<bdi>(.*?)<\/bdi>/g)].map(([, name]) =>
      name
    );
    assertEquals(names, ["Chrome", "Firefox"]);
    assertEquals(page.split("(this device)").length, 2);
    assertMatch(page, /Chrome<\/bdi><\/strong> \(this device\)/);
  });

  Deno.test(`SessionDevices over ${kind} signs out of one device`, async () => {
    await using site = siteWith(makeOptions());
    const [firefox, uid] = await enter(site, "alice", "Firefox");
    const [chrome] = await enter(site, "alice", "Chrome");
    const [safari] = await enter(site, "alice", "Safari");

    const response = await post(chrome, { uid });

    assertEquals(response.status, 303);
    assertEquals(response.headers.get("location"), "/devices");
    assertEquals(await whoIs(firefox), "nobody");
    assertEquals(await whoIs(chrome), "alice");
    assertEquals(await whoIs(safari), "alice");
    assertEquals(site.ends.map(({ reason }) => reason), ["revoked"]);
    assertFalse((await pageOf(chrome)).includes("Firefox"));
  });

  Deno.test(`SessionDevices over ${kind} signs out of all others`, async () => {
    await using site = siteWith(makeOptions());
    const [firefox] = await enter(site, "alice", "Firefox");
    const [chrome] = await enter(site, "alice", "Chrome");
    const [bob] = await enter(site, "bob", "Opera");

    await post(chrome, { others: "1" });

    assertEquals(await whoIs(firefox), "nobody");
    assertEquals(await whoIs(chrome), "alice");
    assertEquals(await whoIs(bob), "bob");
    assertFalse((await pageOf(chrome)).includes("all other devices"));
  });

  Deno.test(`SessionDevices over ${kind} signs out here, and leads away`, async () => {
    await using site = siteWith(makeOptions());
    const [chrome, uid] = await enter(site, "alice", "Chrome");

    const response = await post(chrome, { uid });

    assertEquals(response.status, 303);
    assertEquals(response.headers.get("location"), "/bye");
    assertEquals(await whoIs(chrome), "nobody");
    assertEquals(site.ends.map(({ reason }) => reason), ["logout"]);
  });

  Deno.test(`SessionDevices over ${kind} ends no session of another user`, async () => {
    await using site = siteWith(makeOptions());
    const [bob, uid] = await enter(site, "bob", "Opera");
    const [mallory] = await enter(site, "mallory", "Lynx");

    const response = await post(mallory, { uid });

    assertEquals(response.status, 303);
    assertEquals(await whoIs(bob), "bob");
    assertEquals(site.ends, []);
  });
}

Deno.test("SessionDevices takes a session that is over for one that was ended", async () => {
  await using site = siteWith();
  const [chrome] = await enter(site, "alice", "Chrome");

  for (const fields of [{ uid: "a".repeat(32) }, { uid: "" }, {}]) {
    const response = await post(chrome, fields);
    assertEquals(response.status, 303);
  }

  assertEquals(await whoIs(chrome), "alice");
  assertEquals(site.errors, []);
});

Deno.test("SessionDevices refuses strangers and other origins", async () => {
  await using site = siteWith();
  const [chrome, uid] = await enter(site, "alice", "Chrome");
  const stranger = site.visitor();

  assertEquals((await stranger.fetch("/devices")).status, 403);
  assertEquals((await post(stranger, { others: "1" })).status, 403);
  const foreign = { "sec-fetch-site": "cross-site" };
  assertEquals((await post(chrome, { uid }, foreign)).status, 403);
  assertEquals(await whoIs(chrome), "alice");
});

Deno.test("SessionDevices shows descriptions escaped and isolated", async () => {
  await using site = siteWith({
    describe: () => "<b>\u202eevil\u0007",
  });
  const [chrome] = await enter(site, "alice", "Chrome");

  const page = await pageOf(chrome);

  assertStringIncludes(page, "<bdi>&lt;b&gt;\\u202eevil\\u0007</bdi>");
  assertFalse(page.includes("\u202e"));
});

Deno.test("SessionDevices names a device without a description, and its times", async () => {
  const clock = new TestClock();
  await using site = siteWith({ clock, describe: () => "" });
  const [visitor] = await enter(site, "alice", "");
  await enter(site, "alice", "");

  const page = await pageOf(visitor);

  assertStringIncludes(page, "Unknown device");
  const iso = new Date(clock.now()).toISOString();
  assertStringIncludes(page, `<time datetime="${iso}">`);
  assertMatch(page, /aria-label="Sign out of Unknown device, signed in /);
});

Deno.test("SessionDevices behind a SessionGuard shows the sessions of its user", async () => {
  const check = passwordCheck({ alice: "wonderland" });
  const root = new SessionGuard(
    new Resource().putChild("devices", new SessionDevices()),
    check,
    { realm: "x" },
  );
  await using site = new TestSite(root, { clock: new TestClock() });
  const headers = { authorization: `Basic ${btoa("alice:wonderland")}` };
  await site.visitor().fetch("/devices", { headers });

  const page = await (await site.fetch("/devices", { headers })).text();

  assertEquals(page.split("<li>").length, 3);
  assert(page.includes("(this device)"));
});

Deno.test("SessionDevices behind a Guard shows the sessions of its user", async () => {
  const guard = new Guard(
    new Resource().putChild("devices", new SessionDevices()),
    passwordCheck({ alice: "wonderland" }),
    { realm: "x" },
  );
  const root = new Resource().putChild("in", guard).putChild(
    "login",
    new Leaf((request) => request.logIn("alice").uid),
  );
  await using site = new TestSite(root, { clock: new TestClock() });
  const phone = site.visitor();
  await phone.fetch("/login");
  const init = {
    headers: { authorization: `Basic ${btoa("alice:wonderland")}` },
  };

  const page = await (await site.fetch("/in/devices", init)).text();
  assertEquals(page.split("<li>").length, 2);
  await site.fetch("/in/devices", {
    ...init,
    method: "POST",
    body: new URLSearchParams({ others: "1" }),
  });

  assertEquals(phone.session, undefined);
});
