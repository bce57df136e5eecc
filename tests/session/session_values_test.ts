import {
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
} from "@std/assert";
import { Sessions } from "../../sessions.ts";

class Cart {
  items: string[] = [];
}

const cyclic: Record<string, unknown> = { list: [1, , 2] };
cyclic.self = cyclic;

/** Values that a structured clone copies without loss. */
const COPIED: Readonly<Record<string, object>> = {
  "an object": { list: [{ name: "tea" }], nothing: undefined, none: NaN },
  "an object without a prototype": Object.assign(Object.create(null), { a: 1 }),
  "a cycle": cyclic,
  "a Map": new Map([[{ key: 1 }, new Set([[1]])]]),
  "a Date": new Date(0),
  "bytes": new Uint8Array([1, 2]),
  "an error": new TypeError("wrong", { cause: new Error("why") }),
};

/** Values of which a structured clone loses a part, or cannot be made. */
const KEPT: Readonly<Record<string, object>> = {
  "an instance of a class": new Cart(),
  "an instance in a Map": new Map([["cart", new Cart()]]),
  "an instance in a Set": new Set([new Cart()]),
  "an instance in a list": { carts: [new Cart()] },
  "a function": { act: () => 1 },
  "a symbol": { [Symbol("a")]: 1 },
  "a property of a Map": Object.assign(new Map(), { name: "tea" }),
  "a hidden property": Object.defineProperty({}, "hidden", { value: 1 }),
  "an error with a code": Object.assign(new Error("wrong"), { code: 5 }),
  "shared memory": new Uint8Array(new SharedArrayBuffer(1)),
};

/** Returns the value that the function of `update()` gets for a value. */
async function handedOver(value: object): Promise<object> {
  await using sessions = new Sessions();
  const session = sessions.create();
  session.set("key", value);
  let got: object | undefined;
  await session.update<object>("key", (value) => got = value!);
  return got!;
}

for (const [kind, value] of Object.entries(COPIED)) {
  Deno.test(`Session.update() without a store hands over a copy of ${kind}`, async () => {
    const got = await handedOver(value);
    assertNotStrictEquals(got, value);
    assertEquals({ ...got }, { ...value });
  });
}

for (const [kind, value] of Object.entries(KEPT)) {
  Deno.test(`Session.update() without a store hands over ${kind} itself`, async () => {
    assertStrictEquals(await handedOver(value), value);
  });
}

Deno.test("Session.update() that throws halfway changes nothing", async () => {
  await using sessions = new Sessions();
  const session = sessions.create();
  session.set("list", [1]);
  await session.update<number[]>("list", (list) => {
    list!.push(2);
    throw new Error("halfway");
  }).catch(() => {});
  assertEquals(session.get("list"), [1]);
});
