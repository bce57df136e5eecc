import { assertEquals, assertMatch } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { MemoryStore } from "../../stores/memory_store.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { asynchronous, cookieOf, Node } from "../helpers_store.ts";

const KINDS: Record<string, () => SessionStore> = {
  "MemoryStore": () => new MemoryStore(),
  "a store that has to be waited for": () => asynchronous(new MemoryStore()),
  "SqliteStore": () => new SqliteStore({ path: ":memory:" }),
};

class Cart {
  items: string[] = [];
}

/** Values that a structured clone does not copy without loss, and their names. */
const LOSSY: readonly (readonly [unknown, string])[] = [
  [() => 1, "value is a function"],
  [Symbol("s"), "value is a symbol"],
  [new Cart(), "value is an instance of Cart"],
  [{ items: [1, { total: () => 1 }] }, "value.items[1].total is a function"],
  [{ "a b": new Cart() }, 'value["a b"] is an instance of Cart'],
  [new Map([["tea", new Cart()]]), 'value.get("tea") is an instance of Cart'],
  [new Map([[() => 1, 1]]), "value.keys() is a function"],
  [new Set([[Symbol("s")]]), "value.values()[0] is a symbol"],
  [{ [Symbol("s")]: 1 }, "value[Symbol(s)] is a symbol"],
  [[class {}], "value[0] is a function"],
  [
    new Error("late", { cause: new Cart() }),
    "value.cause is an instance of Cart",
  ],
  [new URL("http://localhost/"), "value is an instance of URL"],
  [new (class extends Map {})(), "value is an instance of a class"],
  [new (class List extends Array {})(), "value is an instance of List"],
  [Promise.resolve(1), "value is an instance of Promise"],
  [Object.assign(new Date(0), { zone: 1 }), "value.zone is a property"],
  [
    Object.defineProperty({}, "hidden", { value: 1 }),
    "value.hidden is a property",
  ],
];

for (const [kind, makeStore] of Object.entries(KINDS)) {
  Deno.test(`Session.get() over ${kind} returns bytes in a buffer of their own`, async () => {
    using _time = new FakeTime();
    const store = makeStore();
    const bytes = new Uint8Array(100).fill(7);
    const value = {
      all: bytes,
      part: bytes.subarray(10, 13),
      floats: new Float64Array([1, 2]),
      wide: new BigInt64Array(3),
      view: new DataView(new ArrayBuffer(16), 4, 8),
    };
    await using one = new Node(store).page("set", (request) => {
      request.getSession().set("bytes", value);
      return "";
    });
    const found: [string, number, number, number][] = [];
    await using other = new Node(store).page("get", (request) => {
      const bytes = request.getSession().get<typeof value>("bytes")!;
      for (const [name, view] of Object.entries(bytes)) {
        const { buffer, byteOffset, byteLength } = view;
        found.push([name, byteLength, byteOffset, buffer.byteLength]);
      }
      return bytes.all.join();
    });
    const cookie = cookieOf(await one.get("set"));
    assertEquals(
      await (await other.get("get", cookie)).text(),
      bytes.join(),
    );
    assertEquals(found, [
      ["all", 100, 0, 100],
      ["part", 3, 0, 3],
      ["floats", 16, 0, 16],
      ["wide", 24, 0, 24],
      ["view", 8, 0, 8],
    ]);
  });

  Deno.test(`Session.set() over ${kind} refuses what a structured clone loses, naming key and kind`, async () => {
    using _time = new FakeTime();
    await using node = new Node(makeStore());
    const errors: unknown[] = [];
    node.page("set", (request) => {
      const session = request.getSession();
      session.set("cart", "before");
      for (const [value] of LOSSY) {
        try {
          session.set("cart", value);
        } catch (error) {
          errors.push(error);
        }
      }
      return String(session.get("cart"));
    });
    assertEquals(await (await node.get("set")).text(), "before");
    assertEquals(errors.length, LOSSY.length);
    for (const [index, [, name]] of LOSSY.entries()) {
      const error = errors[index] as Error;
      assertEquals(error.name, "TypeError");
      assertMatch(error.message, /^Cannot set "cart" of session "[\da-f]{32}"/);
      assertEquals(error.message.includes(`: ${name}`), true, error.message);
    }
  });
}
