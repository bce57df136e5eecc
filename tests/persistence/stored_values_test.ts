import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { HttpError, type Session, SessionEndedError } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { settle } from "../helpers_session.ts";
import {
  after,
  asynchronous,
  BentStore,
  BrokenStore,
  cookieOf,
  Node,
  pass,
} from "../helpers_store.ts";

const KINDS: Record<string, () => SessionStore> = {
  "MemoryStore": () => new MemoryStore(),
  "a store that has to be waited for": () => asynchronous(new MemoryStore()),
  // Without the warning that the database is in memory.
  "SqliteStore": () =>
    Object.assign(new SqliteStore({ path: ":memory:" }), { check: () => [] }),
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

/** Returns a node whose pages change the inside of the value "cart". */
function cartNode(store: SessionStore | undefined): Node {
  return new Node(store)
    .page("begin", (request) => {
      request.getSession().set("cart", { items: ["tea"] });
      return "";
    })
    .page("add", (request) => {
      const cart = request.getSession().get<Cart>("cart")!;
      cart.items.push("cup");
      return cart.items.join();
    })
    .page("set", (request) => {
      request.getSession().set("cart", { items: ["elsewhere"] });
      return "";
    })
    .page("other", (request) => {
      request.getSession().set("other", 1);
      return "";
    })
    .page(
      "show",
      (request) => request.getSession().get<Cart>("cart")!.items.join(),
    );
}

async function textOf(
  response: Response | Promise<Response>,
): Promise<string> {
  return await (await response).text();
}

for (const [kind, makeStore] of Object.entries(KINDS)) {
  Deno.test(`Session.get() over ${kind} has a change inside the value written with the response`, async () => {
    using _time = new FakeTime();
    const store = makeStore();
    await using one = cartNode(store);
    await using other = cartNode(store);
    const cookie = cookieOf(await one.get("begin"));
    assertEquals(await textOf(one.get("add", cookie)), "tea,cup");
    assertEquals(await textOf(other.get("show", cookie)), "tea,cup");
    assertEquals(await textOf(other.get("add", cookie)), "tea,cup,cup");
    assertEquals(await textOf(one.get("show", cookie)), "tea,cup,cup");
    assertEquals([...one.errors, ...other.errors], []);
  });

  Deno.test(`Session.get() over ${kind} has a change inside a value that was set in the request written`, async () => {
    using _time = new FakeTime();
    const store = makeStore();
    await using one = new Node(store).page("", (request) => {
      const session = request.getSession();
      session.set("cart", []);
      session.get<string[]>("cart")!.push("tea");
      return "";
    });
    await using other = new Node(store).page(
      "",
      (request) => request.getSession().get<string[]>("cart")!.join(),
    );
    const cookie = cookieOf(await one.get(""));
    assertEquals(await textOf(other.get("", cookie)), "tea");
  });

  for (const what of ["set", "other"] as const) {
    const outcome = what === "set"
      ? "is dropped and reported if another process has written the key since"
      : "is written though another process has written another key since";
    Deno.test(`Session.get() over ${kind}: a change inside the value ${outcome}`, async () => {
      using _time = new FakeTime();
      const store = makeStore();
      await using other = cartNode(store);
      const gate = Promise.withResolvers<void>();
      await using one = cartNode(store).page("slow", async (request) => {
        const cart = request.getSession().get<Cart>("cart")!;
        cart.items.push("slow");
        await gate.promise;
        cart.items.push("slower");
        return "";
      });
      const cookie = cookieOf(await other.get("begin"));
      const slow = one.get("slow", cookie);
      await settle();
      await other.get(what, cookie);
      // Another request brings the session up to date meanwhile.
      await one.get("show", cookie);
      gate.resolve();
      assertEquals((await slow).status, 200);
      const kept = what === "set" ? "elsewhere" : "tea,slow,slower";
      assertEquals(await textOf(other.get("show", cookie)), kept);
      assertEquals(await textOf(one.get("show", cookie)), kept);
      assertEquals(other.errors, []);
      if (what === "other") assertEquals(one.errors, []);
      else assertMatch(String(one.errors.at(-1)), /inside "cart".*update\(\)/);
    });
  }

  Deno.test(`Session.get() over ${kind}: a change inside an object that another request here has replaced is reported`, async () => {
    using _time = new FakeTime();
    const store = makeStore();
    await using other = cartNode(store);
    const gate = Promise.withResolvers<void>();
    await using one = cartNode(store).page("slow", async (request) => {
      const cart = request.getSession().get<Cart>("cart")!;
      await gate.promise;
      cart.items.push("slow");
      return "";
    });
    const cookie = cookieOf(await other.get("begin"));
    const slow = one.get("slow", cookie);
    await settle();
    await other.get("set", cookie);
    await one.get("show", cookie);
    gate.resolve();
    assertEquals((await slow).status, 200);
    assertEquals(await textOf(other.get("show", cookie)), "elsewhere");
    assertEquals(one.errors.length, 1);
    assertMatch(String(one.errors[0]), /inside "cart".*update\(\)/);
  });

  Deno.test(`Session.get() over ${kind}: an overtaken change inside the value is not written by the flush either`, async () => {
    using _time = new FakeTime();
    const store = makeStore();
    await using other = cartNode(store);
    const gate = Promise.withResolvers<void>();
    await using one = cartNode(store).page("slow", async (request) => {
      const session = request.getSession();
      await gate.promise;
      session.get<Cart>("cart")!.items.push("slow");
      session.set("mine", 1);
      return "";
    }).page("mine", (request) => String(request.getSession().get("mine")));
    const cookie = cookieOf(await other.get("begin"));
    const slow = one.get("slow", cookie);
    await settle();
    await other.get("set", cookie);
    gate.resolve();
    assertEquals((await slow).status, 200);
    assertEquals(await textOf(other.get("show", cookie)), "elsewhere");
    assertEquals(await textOf(one.get("show", cookie)), "elsewhere");
    assertEquals(await textOf(one.get("mine", cookie)), "1");
    assertEquals(one.errors.length, 1);
  });

  Deno.test(`Session.get() over ${kind}: a change inside the value that cannot be kept is answered 503`, async () => {
    using _time = new FakeTime();
    await using one = cartNode(makeStore()).page("bad", (request) => {
      const cart = request.getSession().get<Cart>("cart")!;
      Object.assign(cart, { total: () => 1 });
      return "";
    });
    const cookie = cookieOf(await one.get("begin"));
    assertEquals((await one.get("bad", cookie)).status, 503);
    assertMatch(String(one.errors[0]), /inside "cart".*value.total is a func/);
    assertEquals(await textOf(one.get("show", cookie)), "tea");
  });

  Deno.test(`Session.get() over ${kind} returns bytes again that a request has transferred`, async () => {
    using _time = new FakeTime();
    await using node = new Node(makeStore()).page("set", (request) => {
      request.getSession().set("bytes", { key: new Uint8Array([1, 2]) });
      return "";
    }).page("move", (request) => {
      const bytes = request.getSession()
        .get<{ key: Uint8Array<ArrayBuffer> }>("bytes")!;
      structuredClone(bytes.key, { transfer: [bytes.key.buffer] });
      return String(bytes.key.length);
    });
    const cookie = cookieOf(await node.get("set"));
    node.page("show", (request) => {
      const { key } = request.getSession().get<{ key: Uint8Array }>("bytes")!;
      return key.join();
    });
    assertEquals(await textOf(node.get("move", cookie)), "0");
    assertEquals(await textOf(node.get("show", cookie)), "1,2");
    assertEquals(node.errors, []);
  });

  Deno.test(`Session.set() over ${kind} of two processes keeps both keys`, async () => {
    using _time = new FakeTime();
    const store = makeStore();
    const gate = Promise.withResolvers<void>();
    const makeNode = (key: string) =>
      new Node(store).page("", async (request) => {
        const session = request.getSession();
        await gate.promise;
        session.set(key, key);
        return "";
      }).page(
        "all",
        (request) => [...request.getSession().keys()].sort().join(),
      ).page("begin", (request) => request.getSession().uid);
    await using one = makeNode("one");
    await using other = makeNode("other");
    const cookie = cookieOf(await one.get("begin"));
    const both = [one.get("", cookie), other.get("", cookie)];
    await settle();
    gate.resolve();
    assertEquals((await Promise.all(both)).map(({ status }) => status), [
      200,
      200,
    ]);
    assertEquals(await textOf(one.get("all", cookie)), "one,other");
    assertEquals(await textOf(other.get("all", cookie)), "one,other");
  });
}

for (
  const [what, change, expected] of [
    ["is set", (session: Session) => session.set("count", 50), 50],
    ["is deleted", (session: Session) => session.delete("count"), undefined],
    ["is taken", (session: Session) => session.take("count"), undefined],
  ] as const
) {
  Deno.test(`A value that ${what} while the store writes an update of it stays so, in all processes`, async () => {
    using time = new FakeTime();
    const bent = new BentStore(asynchronous(new MemoryStore()));
    await using one = new Node(bent.store);
    await using other = new Node(bent.inner);
    one.page("visit", (request) => {
      request.getSession().set("count", 1);
      return "";
    }).page("update", async (request) => {
      const session = request.getSession();
      const updating = session.update<number>("count", (count) => count! + 1);
      await after(10);
      change(session);
      return `${await updating} ${session.get("count")}`;
    });
    for (const node of [one, other]) {
      node.page("count", (request) => `${request.session?.get("count")}`);
    }
    const cookie = cookieOf(await one.get("visit"));
    bent.bends.commit = async (act, ...args) => {
      const answer = await act(...args);
      await after(50);
      return answer;
    };
    const update = textOf(one.get("update", cookie));
    await pass(time, 1000);
    bent.bends.commit = undefined;
    assertEquals(await update, `2 ${expected}`);
    for (const node of [one, other]) {
      assertEquals(await textOf(node.get("count", cookie)), `${expected}`);
    }
  });
}

for (const [kind, makeStore] of Object.entries(KINDS)) {
  Deno.test(`Session.update() over ${kind} rejects in the function of another update of its session`, async () => {
    using time = new FakeTime();
    await using node = new Node(makeStore());
    let inner: Promise<unknown> | undefined;
    let calls = 0;
    node.page("add", async (request) => {
      const session = request.getSession();
      const count = await session.update<number>("count", (count = 0) => {
        calls++;
        inner = session.update<number>("count", (count = 0) => count + 100);
        inner.catch(() => {});
        return count + 1;
      });
      return String(count);
    });
    let text = "";
    Promise.resolve(node.get("add")).then(async (response) => {
      text = await response.text();
    });
    await pass(time, 1000);
    assertEquals([text, calls], ["1", 1]);
    await assertRejects(() => inner!, TypeError, "another update calls it");
  });
}

for (
  const [kind, makeStore] of [
    ["the Map", () => undefined] as const,
    ...Object.entries(KINDS),
  ]
) {
  Deno.test(`Session.update() over ${kind} loses none of many updates`, async () => {
    using _time = new FakeTime();
    const store = makeStore();
    const add = (count: number | undefined) => (count ?? 0) + 1;
    const makeNode = () =>
      new Node(store).page("", async (request) => {
        const session = request.getSession();
        await Promise.all([
          session.update("count", add),
          session.update("count", add),
        ]);
        return String(session.get("count"));
      }).page("count", (request) => String(request.getSession().get("count")));
    await using one = makeNode();
    await using second = makeNode();
    const other = store === undefined ? one : second;
    const cookie = cookieOf(await one.get(""));
    const updates = Array.from(
      { length: 20 },
      (_, index) => (index % 2 === 0 ? one : other).get("", cookie),
    );
    for (const response of await Promise.all(updates)) {
      assertEquals(response.status, 200);
    }
    assertEquals(await textOf(one.get("count", cookie)), "42");
    assertEquals(await textOf(other.get("count", cookie)), "42");
    assertEquals([...one.errors, ...other.errors], []);
  });

  Deno.test(`Session.update() over ${kind} changes nothing if the function throws or answers what cannot be kept`, async () => {
    using _time = new FakeTime();
    const store = makeStore();
    await using node = new Node(store);
    const outcomes: unknown[] = [];
    node.page("", async (request) => {
      const session = request.getSession();
      session.set("cart", ["tea"]);
      const changes: ((cart: string[] | undefined) => unknown)[] = [
        (cart) => {
          cart!.push("cup");
          throw new RangeError("no room");
        },
        () => Promise.resolve(["late"]),
        ...store === undefined ? [] : [() => () => 1],
      ];
      for (const change of changes) {
        await session.update("cart", change as () => string[]).catch(
          (error) => outcomes.push(error.name),
        );
      }
      return session.get<string[]>("cart")!.join();
    }).page("show", (request) => request.getSession().get("cart")!.toString());
    const first = await node.get("");
    assertEquals(await first.text(), "tea");
    assertEquals(await textOf(node.get("show", cookieOf(first))), "tea");
    assertEquals(outcomes.slice(0, 2), ["RangeError", "TypeError"]);
    if (store !== undefined) assertEquals(outcomes[2], "TypeError");
  });

  Deno.test(`Session.update() over ${kind} rejects with a SessionEndedError after the end`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using node = new Node(store).page(
      "",
      (request) => request.getSession().uid,
    );
    await using other = new Node(store).page("out", (request) => {
      request.session?.expire();
      return "";
    });
    const response = await node.get("");
    const cookie = cookieOf(response);
    const session = node.site.sessions.get(await response.text())!;
    await pass(time, 100);
    if (store === undefined) session.expire();
    else await other.get("out", cookie);
    const updating = assertRejects(
      () => session.update("count", () => 1),
      SessionEndedError,
    );
    await pass(time, 1000);
    await updating;
  });
}

for (const [kind, makeStore] of Object.entries(KINDS)) {
  Deno.test(`Session.set() over ${kind} after the response began is written within a second`, async () => {
    using time = new FakeTime();
    const store = makeStore();
    await using one = new Node(store).page("later", (request) => {
      const session = request.getSession();
      setTimeout(() => {
        session.set("late", 1);
        session.get<string[]>("cart")!.push("tea");
      }, 5000);
      session.set("cart", []);
      return session.uid;
    });
    await using other = new Node(store).page("show", (request) => {
      const session = request.getSession();
      return `${session.get("late")} ${session.get<string[]>("cart")!.join()}`;
    });
    const cookie = cookieOf(await one.get("later"));
    await pass(time, 4900);
    assertEquals(await textOf(other.get("show", cookie)), "undefined ");
    await pass(time, 1200);
    assertEquals(await textOf(other.get("show", cookie)), "1 tea");
    assertEquals(one.errors, []);
  });

  Deno.test(`Session.get() over ${kind} keeps what a value shares within itself`, async () => {
    using _time = new FakeTime();
    const store = makeStore();
    await using one = new Node(store).page("", (request) => {
      const tea = { name: "tea" };
      const cart: { items: unknown[]; self?: unknown } = { items: [tea, tea] };
      cart.self = cart;
      request.getSession().set("cart", cart);
      return "";
    });
    await using other = new Node(store).page("", (request) => {
      const cart = request.getSession()
        .get<{ items: unknown[]; self: unknown }>("cart")!;
      return `${cart.items[0] === cart.items[1]} ${cart.self === cart}`;
    });
    const cookie = cookieOf(await one.get(""));
    assertEquals(await textOf(other.get("", cookie)), "true true");
  });
}

for (const how of ["throws", "hangs"] as const) {
  Deno.test(`Session.set() after the response over a store that ${how} is reported, and written when the store is back`, async () => {
    using time = new FakeTime();
    const broken = new BrokenStore();
    await using one = new Node(broken.store).page("", (request) => {
      request.getSession();
      return "";
    });
    await using other = new Node(broken.store).page(
      "show",
      (request) => String(request.getSession().get("late")),
    );
    const cookie = cookieOf(await one.get(""));
    await pass(time, 100);
    broken.how = how;
    for (const session of one.site.sessions.values()) session.set("late", 1);
    await pass(time, 3000);
    assertMatch(String(one.errors[0]), /session store|away/);
    broken.how = "works";
    await pass(time, 5000);
    assertEquals(await textOf(other.get("show", cookie)), "1");
  });

  Deno.test(`Session.update() over a store that ${how} rejects with a 503, and nothing is written later`, async () => {
    using time = new FakeTime();
    const broken = new BrokenStore();
    await using one = new Node(broken.store).page("", (request) => {
      request.getSession().set("count", 1);
      return request.getSession().uid;
    }).page("show", (request) => String(request.getSession().get("count")));
    const first = await one.get("");
    const session = one.site.sessions.get(await first.text())!;
    await pass(time, 100);
    broken.how = how;
    const updating = assertRejects(
      () => session.update("count", (count: number | undefined) => count! + 1),
      HttpError,
    );
    await pass(time, 3000);
    assertEquals((await updating).status, 503);
    broken.how = "works";
    await pass(time, 5000);
    assertEquals(await textOf(one.get("show", cookieOf(first))), "1");
    await session.update("count", (count: number | undefined) => count! + 1);
    assertEquals(await textOf(one.get("show", cookieOf(first))), "2");
  });

  // Without an answer it went round in a circle, and nothing else happened.
  Deno.test(`Session.update() over a store that ${how} rejects with a 503 each time while the store is away`, async () => {
    using time = new FakeTime();
    const broken = new BrokenStore();
    await using one = new Node(broken.store).page(
      "",
      (request) => request.getSession().uid,
    );
    const session = one.site.sessions.get(await (await one.get("")).text())!;
    await pass(time, 100);
    broken.how = how;
    for (let count = 0; count < 8; count++) {
      const updating = assertRejects(
        () => session.update("count", () => 1),
        HttpError,
      );
      await pass(time, 2500);
      assertEquals((await updating).status, 503);
    }
    broken.how = "works";
    await pass(time, 5000);
    assertEquals(await session.update("count", () => 2), 2);
  });
}

/** Lets the next commit reach the store 100 ms late. */
function delayCommit({ bends }: BentStore): void {
  bends.commit = async (commit, ...args) => {
    delete bends.commit;
    await after(100);
    return await commit(...args);
  };
}

Deno.test("A change inside a value overwrites nothing though it follows one that is dropped", async () => {
  using time = new FakeTime();
  const inner = asynchronous(new MemoryStore());
  const bent = new BentStore(inner);
  await using one = cartNode(bent.store);
  await using other = cartNode(inner);
  const cookie = cookieOf(await one.get("begin"));
  // The commit of the first change arrives when the other process has written.
  delayCommit(bent);
  const first = one.get("add", cookie);
  await pass(time, 20);
  const second = one.get("add", cookie);
  await pass(time, 20);
  await other.get("set", cookie);
  await pass(time, 200);
  assertEquals(await textOf(first), "tea,cup");
  assertEquals(await textOf(second), "tea,cup,cup");
  assertEquals(await textOf(other.get("show", cookie)), "elsewhere");
  assertEquals(await textOf(one.get("show", cookie)), "elsewhere");
  assertEquals(one.errors.length, 1);
});

Deno.test("A value that is set after a change inside of it is read, though the change is dropped", async () => {
  using time = new FakeTime();
  const inner = asynchronous(new MemoryStore());
  const bent = new BentStore(inner);
  const node = () =>
    cartNode(bent.store).page("replace", (request) => {
      request.getSession().set("cart", { items: ["new"] });
      return "";
    });
  await using one = node();
  await using other = cartNode(inner);
  const cookie = cookieOf(await one.get("begin"));
  delayCommit(bent);
  const first = one.get("add", cookie);
  await pass(time, 20);
  const second = one.get("replace", cookie);
  await pass(time, 20);
  await other.get("set", cookie);
  await pass(time, 200);
  await Promise.all([first, second]);
  assertEquals(await textOf(other.get("show", cookie)), "new");
  assertEquals(await textOf(one.get("show", cookie)), "new");
});

Deno.test("A change inside a value that meets an update of it in the same process overwrites nothing, and is reported", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using one = cartNode(bent.store).page("update", async (request) => {
    const session = request.getSession();
    await session.update<Cart>("cart", () => ({ items: ["updated"] }));
    return "";
  });
  await using other = cartNode(bent.inner);
  const cookie = cookieOf(await one.get("begin"));
  delayCommit(bent);
  const update = one.get("update", cookie);
  await pass(time, 20);
  const change = one.get("add", cookie);
  await pass(time, 200);
  assertEquals((await update).status, 200);
  assertEquals((await change).status, 200);
  assertEquals(await textOf(other.get("show", cookie)), "updated");
  assertEquals(await textOf(one.get("show", cookie)), "updated");
  assertEquals(one.errors.length, 1);
  assertMatch(String(one.errors[0]), /inside "cart".*update\(\)/);
});

Deno.test("Site.close() writes no value of a request under way that a login in another process has superseded, and reports it", async () => {
  using time = new FakeTime();
  const store = asynchronous(new MemoryStore());
  await using other = new Node(store);
  await using one = new Node(store);
  one.page("in", (request) => request.getSession().uid)
    .page("slow", async (request) => {
      const session = request.getSession();
      await after(600);
      session.set("colour", "red");
      await after(60_000);
      return "";
    });
  other.page("login", (request) => request.logIn("ann").uid)
    .page("colour", (request) => `${request.session?.get("colour")}`);
  const guest = cookieOf(await one.get("in"));
  const slow = one.get("slow", guest);
  await pass(time, 100);
  const ann = cookieOf(await other.get("login", guest));
  await pass(time, 1000);
  const closing = one.site.close();
  await pass(time, 100);
  const colour = await other.get("colour", ann);
  assertEquals(await colour.text(), "undefined");
  assertMatch(one.errors.join(), /Cannot keep "colour" of session/);
  await pass(time, 60_000);
  await slow;
  await closing;
});
