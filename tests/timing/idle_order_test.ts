import { assert, assertEquals, assertLess } from "@std/assert";
import { IdleOrder } from "../../timing/idle_order.ts";

/** Seconds at which the tests begin. */
const T = 1_700_000_000;

/** Something that is idle from a time on, and counts who asks since when. */
class Item {
  readonly name: string;
  accessed: number;
  principal: string | undefined = undefined;
  isActive = true;
  looks = 0;

  constructor(name: string, accessed = 0) {
    this.name = name;
    this.accessed = accessed;
  }

  get lastModified(): number {
    this.looks++;
    return T + this.accessed;
  }
}

/** An order with items in it. */
function orderOf(...items: Item[]): IdleOrder<Item> {
  const order = new IdleOrder<Item>();
  for (const item of items) order.add(item);
  return order;
}

/** Takes all out, the longest idle first. */
function drain(order: IdleOrder<Item>): string[] {
  const names: string[] = [];
  for (;;) {
    const item = order.takeLongestIdle(T * 1000);
    if (item === undefined) return names;
    names.push(item.name);
  }
}

Deno.test("IdleOrder.takeLongestIdle() is undefined where there is none", () => {
  assertEquals(orderOf().takeLongestIdle(T * 1000), undefined);
});

Deno.test("IdleOrder.takeLongestIdle() takes the longest idle first", () => {
  const order = orderOf(new Item("b", 2), new Item("c", 3), new Item("a", 1));
  assertEquals(drain(order), ["a", "b", "c"]);
});

Deno.test("IdleOrder.takeLongestIdle() takes those of one millisecond in the order of adding", () => {
  const order = orderOf(new Item("a"), new Item("b"), new Item("c"));
  assertEquals(drain(order), ["a", "b", "c"]);
});

Deno.test("IdleOrder.takeLongestIdle() tells milliseconds apart", () => {
  const order = orderOf(
    new Item("c", 0.002),
    new Item("b", 0.001),
    new Item("a", 0),
  );
  assertEquals(drain(order), ["a", "b", "c"]);
});

Deno.test("IdleOrder.takeLongestIdle() goes by the access since the adding", () => {
  const [a, b] = [new Item("a", 1), new Item("b", 2)];
  const order = orderOf(a, b);

  a.accessed = 3;

  assertEquals(drain(order), ["b", "a"]);
});

Deno.test("IdleOrder.takeLongestIdle() goes by an access between two takings", () => {
  const [a, b, c] = [new Item("a", 1), new Item("b", 2), new Item("c", 3)];
  const order = orderOf(a, b, c);
  order.takeLongestIdle(T * 1000);

  b.accessed = 1_000_000;

  assertEquals(drain(order), ["c", "b"]);
});

Deno.test("IdleOrder.takeLongestIdle() takes each once", () => {
  const order = orderOf(new Item("a"));
  order.takeLongestIdle(T * 1000);
  assertEquals(order.takeLongestIdle(T * 1000), undefined);
});

Deno.test("IdleOrder.takeLongestIdle() passes over those that are gone", () => {
  const [a, b] = [new Item("a", 1), new Item("b", 2)];
  const order = orderOf(a, b);

  a.isActive = false;

  assertEquals(drain(order), ["b"]);
});

Deno.test("IdleOrder.takeLongestIdle() takes one that is added after later ones were taken", () => {
  const order = orderOf(new Item("a", 1000));
  order.takeLongestIdle(T * 1000);

  order.add(new Item("b", 1));
  order.add(new Item("c", 2000));

  assertEquals(drain(order), ["b", "c"]);
});

Deno.test("IdleOrder.takeLongestIdle() takes those of a principal last", () => {
  const [a, b] = [new Item("a", 1), new Item("b", 2)];
  a.principal = "alice";
  assertEquals(drain(orderOf(a, b)), ["b", "a"]);
});

Deno.test("IdleOrder.takeLongestIdle() takes the longest idle of a principal first", () => {
  const items = [new Item("b", 2), new Item("a", 1)];
  for (const item of items) item.principal = "alice";
  assertEquals(drain(orderOf(...items)), ["a", "b"]);
});

Deno.test("IdleOrder.add() once more has one that got a principal taken last, and once", () => {
  const [a, b] = [new Item("a", 1), new Item("b", 2)];
  const order = orderOf(a, b);

  a.principal = "alice";
  order.add(a);

  assertEquals(drain(order), ["b", "a"]);
});

Deno.test("IdleOrder.add() once more has one that lost its principal taken first, and once", () => {
  const [a, b] = [new Item("a", 1), new Item("b", 2)];
  a.principal = b.principal = "alice";
  const order = orderOf(a, b);

  b.principal = undefined;
  order.add(b);
  b.isActive = drainOne(order) !== b;

  assertEquals(drain(order), ["a"]);
});

/** The next, to be gone when it has been taken. */
function drainOne(order: IdleOrder<Item>): Item | undefined {
  return order.takeLongestIdle(T * 1000);
}

Deno.test("IdleOrder.size counts all the entries, those that are gone too", () => {
  const [a, b] = [new Item("a"), new Item("b")];
  const order = orderOf(a, b);
  a.principal = "alice";
  order.add(a);
  b.isActive = false;
  assertEquals(order.size, 3);
});

Deno.test("IdleOrder.size goes down as they are taken", () => {
  const order = orderOf(new Item("a"), new Item("b"));
  order.takeLongestIdle(T * 1000);
  assertEquals(order.size, 1);
  order.takeLongestIdle(T * 1000);
  assertEquals(order.size, 0);
});

Deno.test("IdleOrder.takeLongestIdle() looks at each once for all its accesses since", () => {
  const items = Array.from({ length: 1000 }, (_, i) => new Item(`${i}`, i));
  const order = orderOf(...items);
  for (const item of items) {
    for (let i = 0; i < 10; i++) item.accessed += 1000;
    item.looks = 0;
  }

  drain(order);

  assertLess(Math.max(...items.map(({ looks }) => looks)), 5);
});

Deno.test("IdleOrder keeps to a list in order of the last access through random acts", () => {
  let state = 1;
  const random = (below: number) => {
    state = (state * 48_271) % 0x7fffffff;
    return state % below;
  };
  let now = 0;
  const order = new IdleOrder<Item>();
  const all: Item[] = [];
  const expected = () => {
    const active = all.filter(({ isActive }) => isActive);
    const nobodys = active.filter(({ principal }) => principal === undefined);
    return (nobodys.length > 0 ? nobodys : active)
      .toSorted((a, b) => a.accessed - b.accessed)[0];
  };
  for (let i = 0; i < 5000; i++) {
    // Each at a time of its own, so that the order is one.
    now += (1 + random(5000)) / 1000;
    const item = all[random(all.length || 1)];
    const act = random(10);
    if (item === undefined || act < 3) {
      const made = new Item(`${i}`, now);
      all.push(made);
      order.add(made);
    } else if (act < 6) {
      item.accessed = now;
    } else if (act === 6) {
      item.isActive = false;
    } else if (act === 7 && item.isActive) {
      // A visit sets it.
      item.accessed = now;
      item.principal = item.principal === undefined ? "alice" : undefined;
      order.add(item);
    } else {
      const next = expected();
      const taken = order.takeLongestIdle(T * 1000);
      assertEquals(taken?.name, next?.name);
      if (taken !== undefined) taken.isActive = false;
    }
  }
  assert(all.length > 1000);
});
