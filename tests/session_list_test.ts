import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { HttpError, type SiteOptions } from "../mod.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import { SqliteStore } from "../stores/sqlite_store.ts";
import type { SessionStore } from "../stores/store.ts";
import {
  asynchronous,
  BentStore,
  cookieOf,
  Node,
  pass,
  uidOf,
} from "./helpers_store.ts";

const KINDS: Record<string, () => SessionStore | undefined> = {
  "without a store": () => undefined,
  "over MemoryStore": () => new MemoryStore(),
  "over a store that is waited for": () => asynchronous(new MemoryStore()),
  "over SqliteStore": () => new SqliteStore({ path: ":memory:" }),
};

const DESCRIBE = ({ request }: { readonly request: Request }) =>
  request.headers.get("user-agent") ?? "";

function nodeOf(
  store: SessionStore | undefined,
  options: SiteOptions = {},
): Node {
  return new Node(store, { describe: DESCRIBE, ...options })
    .page("in", (request) => request.logIn("alice").uid)
    .page("bob", (request) => request.logIn("bob").uid)
    .page("guest", (request) => request.getSession().uid)
    .page("who", (request) => request.session?.principal ?? "nobody");
}

/** Sends a request by a browser of a name. */
async function ask(
  node: Node,
  path: string,
  browser: string,
  cookie = "",
): Promise<Response> {
  return await node.site.fetch(
    new Request(`http://localhost/${path}`, {
      headers: { cookie, "user-agent": browser },
    }),
  );
}

for (const [kind, makeStore] of Object.entries(KINDS)) {
  Deno.test(`Sessions.list() ${kind} lists the sessions of a principal, the oldest first`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const { sessions } = node.site;
    assertEquals(await sessions.list("alice"), []);
    const began = Date.now() / 1000;
    const guest = cookieOf(await ask(node, "guest", "Phone"));
    await pass(time, 1000);
    const desk = cookieOf(await ask(node, "in", "Desk"));
    await ask(node, "bob", "Other");
    await pass(time, 1000);
    await ask(node, "in", "Tablet", guest);
    await pass(time, 1000);
    await ask(node, "guest", "Desk", desk);

    const list = (await sessions.list("alice")).map((info) => ({
      ...info,
      createdAt: Math.round(info.createdAt - began),
      authenticatedAt: Math.round(info.authenticatedAt! - began),
      lastModified: Math.round(info.lastModified - began),
      expiresAt: Math.round(info.expiresAt - began),
    }));
    assertEquals(list, [
      {
        uid: uidOf(guest),
        createdAt: 0,
        authenticatedAt: 2,
        lastModified: 2,
        expiresAt: 62,
        description: "Tablet",
      },
      {
        uid: uidOf(desk),
        createdAt: 1,
        authenticatedAt: 1,
        lastModified: 3,
        expiresAt: 63,
        description: "Desk",
      },
    ]);
    await pass(time, 59_500);
    assertEquals((await sessions.list("alice")).length, 1);
  });

  Deno.test(`Sessions.end() ${kind} ends a session by its uid`, async () => {
    using time = new FakeTime();
    await using node = nodeOf(makeStore());
    const { sessions } = node.site;
    const one = cookieOf(await ask(node, "in", "One"));
    const two = cookieOf(await ask(node, "in", "Two"));
    assertEquals(await sessions.end("unknown"), false);
    assertEquals(await sessions.end(uidOf(one)), true);
    assertEquals(await sessions.end(uidOf(one)), false);
    await pass(time, 10);
    assertEquals(node.reasons, ["revoked"]);
    assertEquals(await (await ask(node, "who", "", one)).text(), "nobody");
    assertEquals(await (await ask(node, "who", "", two)).text(), "alice");
    assertEquals(
      (await sessions.list("alice")).map(({ uid }) => uid),
      [uidOf(two)],
    );
    assertEquals(await sessions.end(uidOf(two), "evicted"), true);
    await pass(time, 10);
    assertEquals(node.reasons, ["revoked", "evicted"]);
    await assertRejects(() => sessions.end("a", 5 as never), TypeError);
    await assertRejects(
      () => sessions.end("a", "because" as never),
      RangeError,
    );
  });

  Deno.test(`SiteOptions.describe ${kind} may fail, which is reported`, async () => {
    const answers: unknown[] = [5, new Error("no idea"), "x".repeat(5000)];
    await using node = nodeOf(makeStore(), {
      describe: () => {
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        return answer as string;
      },
    });
    for (let i = 0; i < 3; i++) {
      assertEquals((await ask(node, "in", "")).status, 200);
    }
    const errors = node.errors.filter((e) => !/memory/.test(String(e)));
    assertEquals(errors.length, 2);
    assert(errors[0] instanceof TypeError);
    const list = await node.site.sessions.list("alice");
    assertEquals(
      list.map(({ description }) => description?.length).sort(),
      [1000, undefined, undefined],
    );
  });
}

for (const [kind, makeStore] of Object.entries(KINDS)) {
  Deno.test(`Sessions.list() ${kind} lists the values of a user's sessions, if asked for`, async () => {
    await using node = nodeOf(makeStore());
    node.page("keep", (request) => {
      const session = request.logIn("alice");
      session.set("cart", { teas: ["mint"], since: new Date(7) });
      session.set("seen", 3);
      return "";
    });
    await ask(node, "keep", "Desk");
    await ask(node, "in", "Phone");
    const { sessions } = node.site;
    const listed = await sessions.list("alice", { values: true });
    assertEquals(
      listed.map(({ values }) => Object.fromEntries(values!)),
      [{ cart: { teas: ["mint"], since: new Date(7) }, seen: 3 }, {}],
    );
    const [info] = await sessions.list("alice");
    assertEquals(info!.values, undefined);
  });
}

Deno.test("Sessions.list() lists the values of sessions of other processes", async () => {
  const store = new MemoryStore();
  await using node = nodeOf(store);
  await using other = nodeOf(store);
  node.page("keep", (request) => {
    request.logIn("alice").set("cart", ["mint"]);
    return "";
  });
  await ask(node, "keep", "Desk");
  const listed = await other.site.sessions.list("alice", { values: true });
  assertEquals(listed[0]!.values!.get("cart"), ["mint"]);
  // A copy: a change of it does not change the session.
  (listed[0]!.values!.get("cart") as string[]).push("green");
  const again = await other.site.sessions.list("alice", { values: true });
  assertEquals(again[0]!.values!.get("cart"), ["mint"]);
});

Deno.test("Sessions.list() and end() reach the sessions of other processes", async () => {
  using time = new FakeTime();
  const store = asynchronous(new MemoryStore());
  await using one = nodeOf(store);
  await using two = nodeOf(store);
  const cookies = [
    cookieOf(await ask(one, "in", "Phone")),
    cookieOf(await ask(two, "in", "Desk")),
  ];
  for (const node of [one, two]) {
    const list = await node.site.sessions.list("alice");
    assertEquals(list.map(({ description }) => description), ["Phone", "Desk"]);
  }
  assertEquals(await two.site.sessions.end(uidOf(cookies[0]!)), true);
  await pass(time, 100);
  assertEquals(one.site.sessions.has(uidOf(cookies[0]!)), false);
  for (const node of [one, two]) {
    const answer = await ask(node, "who", "", cookies[0]);
    assertEquals(await answer.text(), "nobody");
  }
  assertEquals([...one.reasons, ...two.reasons], ["revoked"]);
});

Deno.test("A page that lists or ends the sessions of a user is answered 503 if the store fails, with a report", async () => {
  const ways = {
    list: "uidsOf",
    "list a session": "load",
    end: "end",
    endSessions: "uidsOf",
    "endSessions of others": "end",
  };
  for (const [way, call] of Object.entries(ways)) {
    using time = new FakeTime();
    const bent = new BentStore(asynchronous(new MemoryStore()));
    await using one = nodeOf(bent.store);
    await using other = nodeOf(bent.inner);
    const uid = uidOf(cookieOf(await ask(other, "in", "")));
    const { sessions } = one.site;
    one.page("devices", async () => {
      if (way.startsWith("list")) await sessions.list("alice");
      else if (way === "end") await sessions.end(uid);
      else await sessions.endSessions("alice");
      return "";
    });
    await pass(time, 100);
    const away = new Error("away");
    bent.bends[call] = () => {
      bent.bends[call] = undefined;
      return Promise.reject(away);
    };
    const response = await ask(one, "devices", "");
    await response.body?.cancel();
    assertEquals(response.status, 503, way);
    await pass(time, 3000);
    assertEquals(one.errors, [away], way);
  }
});

Deno.test("Sessions.list() rejects if the store fails, and end() with 503 until the end is written", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  const cookie = cookieOf(await ask(node, "in", ""));
  bent.bends.uidsOf = () => Promise.reject(new Error("away"));
  const failure = await assertRejects(
    () => node.site.sessions.list("alice"),
    HttpError,
  );
  assertEquals([failure.status, `${failure.cause}`], [503, "Error: away"]);
  bent.bends.uidsOf = undefined;
  bent.bends.end = () => Promise.reject(new Error("away"));
  const error = await assertRejects(
    () => node.site.sessions.end(uidOf(cookie)),
    HttpError,
  );
  assertEquals(error.status, 503);
  // It has ended here, and still lives in the store.
  const again = await assertRejects(
    () => node.site.sessions.end(uidOf(cookie)),
    HttpError,
  );
  assertEquals(again.status, 503);
  bent.bends.end = undefined;
  await pass(time, 3000);
  assertEquals(node.reasons, ["revoked"]);
});
