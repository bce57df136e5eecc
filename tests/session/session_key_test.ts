import {
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import {
  type Session,
  SessionEndedError,
  SessionKey,
  type StandardSchemaV1,
} from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { Errors, siteOf } from "../helpers_session.ts";
import { cookieOf, Node } from "../helpers_store.ts";

/** Fails to compile unless the types are the same. */
function assertType<_Same extends true>(): void {}

type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends
  (<X>() => X extends B ? 1 : 2) ? true : false;

/** A schema that counts its calls. */
function counting<T>(
  schema: StandardSchemaV1<unknown, T>,
): { schema: StandardSchemaV1<unknown, T>; calls: unknown[] } {
  const calls: unknown[] = [];
  const { validate, ...others } = schema["~standard"];
  return {
    calls,
    schema: {
      "~standard": {
        ...others,
        validate: (value) => {
          calls.push(value);
          return validate(value);
        },
      },
    },
  };
}

/** The same schema by three libraries: items of a cart, and how many. */
const SCHEMAS: Record<
  string,
  StandardSchemaV1<unknown, { items: string[]; count: number }>
> = {
  "Zod": z.object({ items: z.array(z.string()), count: z.number() }),
  "Valibot": v.object({ items: v.array(v.string()), count: v.number() }),
  "ArkType": type({ items: "string[]", count: "number" }),
};

for (const [library, schema] of Object.entries(SCHEMAS)) {
  Deno.test(`SessionKey with a schema of ${library} answers right values only`, async () => {
    const { all: errors, onError } = new Errors();
    await using site = siteOf({ onError });
    const session = site.makeSession();
    const cart = new SessionKey("cart", { schema });
    assertStrictEquals(session.get(cart), undefined);
    session.set("cart", { items: ["tea"], count: 1 });
    assertEquals(session.get(cart), { items: ["tea"], count: 1 });
    session.set("cart", { items: ["tea", 7], count: 1 });
    assertStrictEquals(session.get(cart), undefined);
    assertStrictEquals(session.get(cart), undefined);
    assertEquals(session.get("cart"), { items: ["tea", 7], count: 1 });
    assertEquals(errors.length, 1);
    assertMatch(
      String(errors[0]),
      /^Error: Cannot use "cart" of session "[\da-f]{32}": .*items/,
    );
    session.set(cart, { items: [], count: 0 });
    assertEquals(session.get(cart), { items: [], count: 0 });
  });
}

Deno.test("SessionKey gives get(), set(), take() and update() its types", async () => {
  await using site = siteOf();
  const session = site.makeSession();
  const visits = new SessionKey<number>("visits");
  const cart = new SessionKey("cart", { default: (): string[] => [] });
  const role = new SessionKey("role", {
    schema: z.enum(["user", "admin"]),
    default: (): "user" | "admin" => "user",
  });
  const checked = new SessionKey("checked", { schema: type("number") });
  const found = {
    visits: session.get(visits),
    cart: session.get(cart),
    role: session.get(role),
    checked: session.get(checked),
    taken: session.take(visits),
    counted: await session.update(visits, (n) => (n ?? 0) + 1),
    filled: await session.update(cart, (items) => [...items, "tea"]),
    plain: session.get("visits"),
  };
  assertType<
    Same<typeof found, {
      visits: number | undefined;
      cart: string[];
      role: "user" | "admin";
      checked: number | undefined;
      taken: number | undefined;
      counted: number;
      filled: string[];
      plain: unknown;
    }>
  >();
  // @ts-expect-error a wrong type
  session.set(visits, "three");
  // @ts-expect-error a type that is too wide
  session.set(role, String(1));
  // @ts-expect-error a wrong type
  const text: string | undefined = session.get(visits);
  // @ts-expect-error a default of a wrong type
  new SessionKey("role", { schema: z.string(), default: () => 1 });
  assertEquals(text, "three");
});

Deno.test("SessionKey refuses a name and options of a wrong kind", () => {
  for (
    const [name, options] of [
      [1 as unknown as string, {}],
      ["key", { schema: {} }],
      ["key", { schema: () => true }],
      ["key", { default: 1 }],
      ["key", { defaults: () => 1 }],
      ["key", 1 as unknown as object],
    ] as [string, object][]
  ) {
    assertThrows(
      () => new SessionKey(name, options),
      TypeError,
      "Cannot make",
    );
  }
});

Deno.test("Session.get() keeps a default that was read, as if it had been set", async () => {
  await using site = siteOf();
  const session = site.makeSession();
  const cart = new SessionKey("cart", { default: (): string[] => [] });
  assertEquals(session.has(cart), false);
  session.get(cart).push("tea");
  assertEquals([session.get("cart"), session.has(cart)], [["tea"], true]);
  assertEquals([...session.keys()], ["cart"]);
  const other = site.makeSession();
  assertNotStrictEquals(session.get(cart), other.get(cart));
});

Deno.test("Session.get() after the end returns a default and keeps nothing", async () => {
  await using site = siteOf();
  const session = site.makeSession();
  session.expire();
  const cart = new SessionKey("cart", { default: (): string[] => [] });
  assertEquals(session.get(cart), []);
  assertEquals(session.has(cart), false);
  assertThrows(() => session.take(cart), SessionEndedError);
});

Deno.test("Session.get() checks a value once that was set under a plain string, and none that was set under the key", async () => {
  await using site = siteOf();
  const session = site.makeSession();
  const { schema, calls } = counting(z.object({ n: z.number() }));
  const key = new SessionKey("key", { schema });
  session.set(key, { n: 1 });
  const own = session.get(key);
  assertEquals([session.get(key), calls.length], [{ n: 1 }, 0]);
  assertStrictEquals(session.get(key), own);
  session.set("key", { n: 2 });
  assertStrictEquals(session.get(key), session.get(key));
  assertEquals([session.has(key), calls.length], [true, 1]);
  await session.update(key, () => ({ n: 3 }));
  assertEquals([session.get(key), calls.length], [{ n: 3 }, 1]);
});

Deno.test("Session.get() puts what the schema answers in the place of the value", async () => {
  await using site = siteOf();
  const session = site.makeSession();
  const key = new SessionKey("key", {
    schema: z.object({ at: z.coerce.date(), size: z.number().default(1) }),
  });
  session.set("key", { at: "2026-01-01T00:00:00Z", other: 1 });
  const value = session.get(key)!;
  assertInstanceOf(value.at, Date);
  assertEquals(value.size, 1);
  assertStrictEquals(session.get("key"), value);
});

Deno.test("Session.get() checks a value for each of two keys of one name", async () => {
  const { all: errors, onError } = new Errors();
  await using site = siteOf({ onError });
  const session = site.makeSession();
  const text = new SessionKey("key", { schema: z.string() });
  const number = new SessionKey("key", { schema: z.number() });
  session.set(text, "three");
  assertEquals([session.get(text), session.get(number)], ["three", undefined]);
  session.set(number, 3);
  assertEquals([session.get(text), session.get(number)], [undefined, 3]);
  assertEquals(errors.length, 2);
});

Deno.test("Session.get() answers the default in the place of a wrong value, which stays", async () => {
  const { all: errors, onError } = new Errors();
  await using site = siteOf({ onError });
  const session = site.makeSession();
  const count = new SessionKey("count", {
    schema: z.number(),
    default: () => 5,
  });
  session.set("count", "many");
  assertEquals([session.get(count), session.get("count")], [5, "many"]);
  assertEquals([session.has(count), session.has("count")], [false, true]);
  assertEquals(await session.update(count, (n) => n + 1), 6);
  assertEquals(session.get("count"), 6);
  assertEquals(errors.length, 1);
});

for (
  const [what, validate] of [
    ["throws", () => {
      throw new RangeError("broken");
    }],
    ["returns a promise", () => Promise.resolve({ value: 1 })],
    ["returns a promise that rejects", () => Promise.reject(new Error())],
  ] as const
) {
  Deno.test(`Session.get() treats a value whose schema ${what} as wrong`, async () => {
    const { all: errors, onError } = new Errors();
    await using site = siteOf({ onError });
    const session = site.makeSession();
    const schema = {
      "~standard": { version: 1, vendor: "test", validate },
    } as unknown as StandardSchemaV1<unknown, number>;
    const key = new SessionKey("key", { schema });
    session.set("key", 1);
    assertEquals([session.get(key), session.get(key)], [undefined, undefined]);
    assertEquals(errors.length, 1);
  });
}

Deno.test("Session.take() returns a value once", async () => {
  await using site = siteOf();
  const session = site.makeSession();
  const flash = new SessionKey<string>("flash");
  session.set(flash, "saved");
  assertEquals([session.take(flash), session.take(flash)], [
    "saved",
    undefined,
  ]);
  session.set("plain", 1);
  assertEquals([session.take("plain"), session.take("plain")], [1, undefined]);
  const shown = new SessionKey("shown", { default: () => "none" });
  assertEquals([session.take(shown), session.has("shown")], ["none", false]);
});

/** Sets a value in one process and has another process look at it. */
async function passOn(
  value: unknown,
  look: (session: Session) => string,
): Promise<{ text: string; stored: unknown; errors: unknown[] }> {
  using _time = new FakeTime();
  const store = new MemoryStore();
  let stored: unknown;
  await using one = new Node(store).page("", (request) => {
    request.getSession().set("key", value);
    return "";
  }).page("stored", (request) => {
    stored = request.getSession().get("key");
    return "";
  });
  await using other = new Node(store).page(
    "",
    (request) => look(request.getSession()),
  );
  const cookie = cookieOf(await one.get(""));
  const texts = [];
  for (let visit = 0; visit < 3; visit++) {
    texts.push(await (await other.get("", cookie)).text());
  }
  await one.get("stored", cookie);
  return { text: texts.join(), stored, errors: other.errors };
}

Deno.test("Session.get() checks a value that came from a store once", async () => {
  const { schema, calls } = counting(z.object({ n: z.number() }));
  const key = new SessionKey("key", { schema });
  const { text, errors } = await passOn(
    { n: 1 },
    (session) => String(session.get(key)?.n),
  );
  assertEquals([text, calls.length, errors], ["1,1,1", 1, []]);
});

Deno.test("Session.get() reports a wrong value of a store once, and leaves it there", async () => {
  const key = new SessionKey("key", {
    schema: z.object({ n: z.number() }),
    default: () => ({ n: 0 }),
  });
  const { text, stored, errors } = await passOn(
    { n: "one" },
    (session) => String(session.get(key).n),
  );
  assertEquals([text, stored, errors.length], ["0,0,0", { n: "one" }, 1]);
});

Deno.test("Session.get() writes nothing because a schema has changed the value", async () => {
  const key = new SessionKey("key", {
    schema: z.object({ at: z.coerce.date() }),
  });
  const { text, stored } = await passOn(
    { at: "2026-01-01T00:00:00.000Z", other: 1 },
    (session) => session.get(key)!.at.toISOString().slice(0, 4),
  );
  assertEquals(text, "2026,2026,2026");
  assertEquals(stored, { at: "2026-01-01T00:00:00.000Z", other: 1 });
});

Deno.test("Session.get() keeps a default that was read in the store", async () => {
  using _time = new FakeTime();
  const store = new MemoryStore();
  const cart = new SessionKey("cart", { default: (): string[] => [] });
  const makeNode = () =>
    new Node(store).page("", (request) => {
      const items = request.getSession().get(cart);
      items.push("tea");
      return items.join();
    });
  await using one = makeNode();
  await using other = makeNode();
  const cookie = cookieOf(await one.get(""));
  assertEquals(await (await other.get("", cookie)).text(), "tea,tea");
  assertEquals(await (await one.get("", cookie)).text(), "tea,tea,tea");
});

for (const act of ["get", "set", "has", "delete", "take"] as const) {
  for (
    const [what, key] of [[3, 3], [undefined, undefined], [null, null], [
      'the class "Cart"',
      class Cart {},
    ]] as const
  ) {
    Deno.test(`Session.${act}() refuses the key ${what}`, () => {
      using site = siteOf();
      const session = site.makeSession();
      session.set("other", 1);
      const error = assertThrows(
        () =>
          (session[act] as (key: unknown, value?: unknown) => unknown)(key, 1),
        TypeError,
        "Cannot use a value: the key is neither a string nor a SessionKey: ",
      );
      assertMatch(error.message, /: (3|undefined|null|the .*"Cart")$/);
    });
  }
}
