// How many bytes the values of a session may take in a store.

import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { Sessions } from "../../sessions.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { cookieOf, Node } from "../helpers_store.ts";

/** Sessions over a store, with room for 100 bytes. */
function smallSessions(): Sessions {
  return new Sessions({
    store: new MemoryStore(),
    maxSessionBytes: 100,
    sessionTimeout: Infinity,
  });
}

Deno.test("SessionsOptions.maxSessionBytes has set() beyond it throw, and keep what was there", async () => {
  await using sessions = smallSessions();
  const session = sessions.create();
  session.set("a", "x".repeat(40));

  // The encoding adds three bytes: the kind, and the quotes.
  session.set("b", "x".repeat(100 - 44 - 4));
  const error = assertThrows(
    () => session.set("b", "x".repeat(100 - 44 - 3)),
    RangeError,
  );

  assertEquals(
    error.message,
    `Cannot set "b" of session "${session.uid}": the values would take 101 bytes, more than maxSessionBytes allows: 100`,
  );
  assertEquals(session.get("b"), "x".repeat(52));
  session.expire();
});

for (
  const [what, value] of [
    ["text beyond ASCII", "\u20ac".repeat(33)],
    ["bytes", new Uint8Array(100)],
    ["an object", { items: Array.from({ length: 50 }, (_, index) => index) }],
  ] as const
) {
  Deno.test(`SessionsOptions.maxSessionBytes counts the encoding of ${what}`, async () => {
    await using sessions = smallSessions();
    const session = sessions.create();

    assertThrows(() => session.set("key", value), RangeError, "100");

    assertEquals(session.has("key"), false);
    session.expire();
  });
}

Deno.test("SessionsOptions.maxSessionBytes makes room by delete() and by smaller values", async () => {
  await using sessions = smallSessions();
  const session = sessions.create();
  session.set("a", "x".repeat(90));

  assertThrows(() => session.set("b", "x".repeat(20)), RangeError);
  session.set("a", "x".repeat(50));
  session.set("b", "x".repeat(20));
  session.delete("a");
  session.set("b", "x".repeat(90));

  assertEquals(session.get("b"), "x".repeat(90));
  session.expire();
});

Deno.test("SessionsOptions.maxSessionBytes lets values that are too large become smaller", async () => {
  const store = new MemoryStore();
  await using large = new Node(store, { maxSessionBytes: 1000 });
  large.page("", (request) => {
    request.getSession().set("a", "x".repeat(500));
    return "";
  });
  const cookie = cookieOf(await large.get(""));
  await using small = new Node(store, { maxSessionBytes: 100 });
  small.page("", (request) => {
    const session = request.getSession();
    session.set("a", "x".repeat(400));
    assertThrows(() => session.set("a", "x".repeat(401)), RangeError);
    assertThrows(() => session.set("b", ""), RangeError);
    return "smaller";
  });

  assertEquals(await (await small.get("", cookie)).text(), "smaller");
  assertEquals(small.errors, []);
});

Deno.test("SessionsOptions.maxSessionBytes has update() beyond it reject", async () => {
  await using node = new Node(new MemoryStore(), { maxSessionBytes: 100 });
  node.page("", async (request) => {
    const session = request.getSession();
    await session.update("a", () => "small");
    await assertRejects(
      () => session.update("a", () => "x".repeat(100)),
      RangeError,
      'Cannot update "a"',
    );
    return String(session.get("a"));
  });

  assertEquals(await (await node.get("")).text(), "small");
});

Deno.test("SessionsOptions.maxSessionBytes has a change inside a value reported, and answered 503", async () => {
  await using node = new Node(new MemoryStore(), { maxSessionBytes: 100 });
  node.page("start", (request) => {
    request.getSession().set("cart", ["tea"]);
    return "";
  });
  node.page("add", (request) => {
    request.getSession().get<string[]>("cart")!.push("x".repeat(100));
    return "";
  });
  node.page(
    "read",
    (request) => JSON.stringify(request.getSession().get("cart")),
  );
  const cookie = cookieOf(await node.get("start"));

  const refused = await node.get("add", cookie);

  assertEquals(refused.status, 503);
  await refused.body?.cancel();
  assertMatch(
    String(node.errors[0]),
    /RangeError: Cannot keep the change inside "cart".*maxSessionBytes/,
  );
  assertEquals(await (await node.get("read", cookie)).text(), '["tea"]');
});

Deno.test("SessionsOptions.maxSessionBytes is 64 KiB by default, and none without a store", async () => {
  await using stored = new Sessions({ store: new MemoryStore() });
  await using local = new Sessions();
  const long = "x".repeat(2 ** 16);

  const session = stored.create();
  session.set("key", "x".repeat(2 ** 16 - 6));
  assertThrows(() => session.set("key", long), RangeError, "65536");
  local.create().set("key", long);

  session.expire();
});
