// What becomes of a session whose creation reaches the store more than once.

import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { MemoryStore } from "../../stores/memory_store.ts";
import {
  asynchronous,
  BentStore,
  cookieOf,
  Node,
  pass,
} from "../helpers_store.ts";

Deno.test("Sessions over a store keep a session whose creation the client of the store sent twice", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  bent.bends.create = async (act, ...args) => {
    await act(...args);
    return act(...args);
  };
  await using node = new Node(bent.store)
    .page("set", (request) => {
      request.getSession().set("cart", "tea");
      return "";
    })
    .page("get", (request) => String(request.session?.get("cart")));
  const cookie = cookieOf(await node.get("set"));
  assertEquals(await (await node.get("get", cookie)).text(), "tea");
  assertEquals(node.errors, []);
  await pass(time, 65_000);
  assertEquals(node.reasons, ["idle"]);
});

Deno.test("Sessions over a store make no session of a uid that another one has", async () => {
  using _time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  bent.bends.create = (act, session) =>
    act({ ...session, tokens: [{ hash: "", generation: 0, until: Infinity }] })
      .then(() => undefined);
  await using node = new Node(bent.store)
    .page("set", (request) => request.getSession().uid);
  const response = await node.get("set");
  await response.body?.cancel();
  assertEquals(response.status, 503);
  assertEquals(response.headers.getSetCookie(), []);
});
