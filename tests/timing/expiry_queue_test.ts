import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertNotEquals,
} from "@std/assert";
import { ExpiryQueue } from "../../timing/expiry_queue.ts";
import { ManualClock } from "../helpers_session.ts";

/** A whole turn of the lower levels begins here, so levels are predictable. */
const T = 2 ** 40;

/** A queue of names that remembers what came, and when. */
class Log {
  readonly clock: ManualClock;
  readonly queue: ExpiryQueue<string>;
  readonly rows = new Map<string, number>();
  readonly came: string[] = [];
  readonly times: number[] = [];
  /** What else is done when an item comes. */
  also: (item: string) => void = () => {};
  /** Whether an item that comes is taken out. */
  isRemoving = true;

  constructor(time = T, overdue?: number) {
    this.clock = new ManualClock(time);
    this.queue = new ExpiryQueue<string>(this.clock, (item) => {
      this.came.push(item);
      this.times.push(this.clock.time);
      if (this.isRemoving) this.remove(item);
      this.also(item);
    }, overdue);
  }

  add(item: string, deadline: number): void {
    this.rows.set(item, this.queue.add(item, deadline, this.clock.time));
  }

  move(item: string, deadline: number): void {
    this.queue.move(this.rows.get(item)!, deadline, this.clock.time);
  }

  remove(item: string): void {
    this.queue.remove(this.rows.get(item)!);
    this.rows.delete(item);
  }

  /** What came, each with its time since T. */
  get log(): [string, number][] {
    return this.came.map((item, i) => [item, this.times[i]! - T]);
  }
}

/** Numbers from 0 to 1 that are the same in each run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Names for as many items, in order. */
function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i));
}

// One item.

for (
  const delay of [
    0,
    1,
    2,
    31,
    32,
    33,
    63,
    64,
    1023,
    1024,
    1025,
    32_767,
    32_768,
    32_769,
    59_999,
    60_000,
    60_001,
    1_048_575,
    1_048_576,
    1_048_577,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 31 + 1,
  ]
) {
  for (const offset of [0, 1, 31, 1000]) {
    Deno.test(`ExpiryQueue.add() at ${offset} for ${delay} ms later comes then, not before`, () => {
      const log = new Log(T + offset);
      log.add("a", T + offset + delay);
      if (delay > 0) {
        log.clock.advance(delay - 1);
        assertEquals(log.came, []);
        log.clock.advance(1);
      } else {
        log.clock.advance();
      }
      assertEquals(log.log, [["a", offset + delay]]);
    });
  }
}

Deno.test("ExpiryQueue.add() calls nothing at once", () => {
  const log = new Log();
  log.add("a", T);
  assertEquals(log.came, []);
});

Deno.test("ExpiryQueue.add() of what is past comes in the next turn", () => {
  const log = new Log();
  log.add("a", T - 10_000);
  log.clock.advance();
  assertEquals(log.log, [["a", 0]]);
});

Deno.test("ExpiryQueue.add() of minus infinity comes in the next turn", () => {
  const log = new Log();
  log.add("a", -Infinity);
  log.clock.advance();
  assertEquals(log.came, ["a"]);
});

Deno.test("ExpiryQueue.add() answers a row that is not 0", () => {
  const log = new Log();
  assertGreater(log.queue.add("a", T, T), 0);
});

Deno.test("ExpiryQueue.add() answers another row for each that waits", () => {
  const log = new Log();
  const rows = names(2000).map((name) => log.queue.add(name, T + 1, T));
  assertEquals(new Set(rows).size, 2000);
});

Deno.test("ExpiryQueue.deadlineOf() is the deadline as it was given", () => {
  const log = new Log();
  const row = log.queue.add("a", T + 0.25, T);
  assertEquals(log.queue.deadlineOf(row), T + 0.25);
});

Deno.test("ExpiryQueue.size counts what waits", () => {
  const log = new Log();
  log.add("a", T + 1);
  log.add("b", Infinity);
  log.remove("a");
  assertEquals(log.queue.size, 1);
});

Deno.test("ExpiryQueue works with a clock at 0", () => {
  const log = new Log(0);
  log.add("a", 5);
  log.clock.advance(4);
  assertEquals(log.came, []);
  log.clock.advance(1);
  assertEquals(log.came, ["a"]);
});

// The order.

for (const seed of [1, 2, 3]) {
  Deno.test(`ExpiryQueue has random deadlines of all levels come in their order (seed ${seed})`, () => {
    const random = randomFrom(seed);
    const log = new Log(random() < 0.5 ? T : 1_700_000_000_123);
    const start = log.clock.time;
    const due = new Map<string, number>();
    for (const name of names(3000)) {
      const deadline = start + Math.floor(2 ** (random() * 45)) - 1;
      due.set(name, deadline);
      log.add(name, deadline);
    }
    const deadlines = [...due.values()].sort((a, b) => a - b);
    for (const deadline of new Set(deadlines)) {
      // The timer fires now and then on a long way; here a millisecond early.
      if (deadline > log.clock.time) {
        log.clock.time = deadline - 1;
        const before = log.came.length;
        log.clock.fireEarly();
        assertEquals(log.came.length, before);
      }
      log.clock.time = deadline;
      log.clock.fireEarly();
    }
    assertEquals(log.came.map((name) => due.get(name)), deadlines);
    assertEquals(log.times, deadlines);
  });

  Deno.test(`ExpiryQueue that slept through random deadlines has them come in their order (seed ${seed})`, () => {
    const random = randomFrom(seed);
    const log = new Log();
    const due = new Map<string, number>();
    for (const name of names(3000)) {
      const deadline = T + Math.floor(2 ** (random() * 45)) - 1;
      due.set(name, deadline);
      log.add(name, deadline);
    }
    log.clock.jump(2 ** 45);
    log.clock.advance();
    const deadlines = [...due.values()].sort((a, b) => a - b);
    assertEquals(log.came.map((name) => due.get(name)), deadlines);
  });

  Deno.test(`ExpiryQueue keeps to a simple list of deadlines through random acts (seed ${seed})`, () => {
    const random = randomFrom(seed);
    const log = new Log();
    const due = new Map<string, number>();
    const wrong: string[] = [];
    log.also = (name) => {
      const at = due.get(name);
      if (at !== log.clock.time) wrong.push(`${name}: ${at}`);
      due.delete(name);
    };
    const later = () => log.clock.time + Math.floor(2 ** (random() * 20)) - 1;
    let made = 0;
    for (let i = 0; i < 20_000; i++) {
      const waiting = [...log.rows.keys()];
      const name = waiting[Math.floor(random() * waiting.length)];
      const act = random();
      if (act < 0.3 || name === undefined) {
        const added = String(made++);
        due.set(added, later());
        log.add(added, due.get(added)!);
      } else if (act < 0.6) {
        due.set(name, later());
        log.move(name, due.get(name)!);
      } else if (act < 0.7) {
        due.delete(name);
        log.remove(name);
      } else {
        log.clock.advance(Math.floor(2 ** (random() * 14)) - 1);
      }
      for (const at of due.values()) {
        if (at < log.clock.time) wrong.push(`missed: ${at}`);
      }
      assertEquals(wrong, []);
    }
    assertEquals(log.queue.size, due.size);
    assertLess(1000, log.came.length);
  });

  Deno.test(`ExpiryQueue is a millisecond late at most with a clock of fractions (seed ${seed})`, () => {
    const random = randomFrom(seed);
    const log = new Log(T + 0.3);
    const due = new Map<string, number>();
    const wrong: string[] = [];
    log.also = (name) => {
      const late = log.clock.time - due.get(name)!;
      // Up to the whole millisecond, and as much again for the timer's.
      if (late < 0 || late >= 2) wrong.push(`${name}: ${late} ms late`);
      due.delete(name);
    };
    for (let i = 0; i < 5000; i++) {
      due.set(String(i), log.clock.time + 2 ** (random() * 14));
      log.add(String(i), due.get(String(i))!);
      log.clock.advance(random() * 40);
    }
    log.clock.advance(2 ** 15);
    assertEquals([wrong, due.size], [[], 0]);
  });
}

Deno.test("ExpiryQueue has what is due in one millisecond come in the order of adding", () => {
  const log = new Log();
  for (const name of names(1000)) log.add(name, T + 5000);
  log.clock.advance(5000);
  assertEquals(log.came, names(1000));
});

Deno.test("ExpiryQueue has what is due in one millisecond come in the order of adding, added over time", () => {
  const log = new Log();
  for (const name of names(5000)) {
    log.add(name, T + 5000);
    log.clock.advance(1);
  }
  assertEquals(log.came, names(5000));
});

Deno.test("ExpiryQueue rounds fractions up to one millisecond, in the order of adding", () => {
  const log = new Log();
  log.add("a", T + 10);
  log.add("b", T + 9.25);
  log.add("c", T + 9.75);
  log.clock.advance(10);
  assertEquals(log.log, [["a", 10], ["b", 10], ["c", 10]]);
});

Deno.test("ExpiryQueue has a fraction come at the next whole millisecond", () => {
  const log = new Log();
  log.add("a", T + 10.001);
  log.clock.advance(10);
  assertEquals(log.came, []);
  log.clock.advance(1);
  assertEquals(log.came, ["a"]);
});

Deno.test("ExpiryQueue keeps the order of neighbours at the edge of a level", () => {
  const log = new Log(T + 1000);
  log.add("b", T + 1024);
  log.add("a", T + 1023);
  log.add("c", T + 1025);
  log.clock.advance(100);
  assertEquals(log.log, [["a", 1023], ["b", 1024], ["c", 1025]]);
});

// Put off, moved forward.

Deno.test("ExpiryQueue.move() later has it come then, not before", () => {
  const log = new Log();
  log.add("a", T + 5000);
  log.clock.advance(4999);
  log.move("a", T + 9999);
  log.clock.advance(4999);
  assertEquals(log.came, []);
  log.clock.advance(1);
  assertEquals(log.log, [["a", 9999]]);
});

Deno.test("ExpiryQueue.move() later sets no timer", () => {
  const log = new Log();
  log.add("a", T + 5000);
  const { sets } = log.clock;
  for (let i = 0; i < 1000; i++) log.move("a", T + 5000 + i);
  assertEquals(log.clock.sets, sets);
});

Deno.test("ExpiryQueue.move() later sets the timer seldom in a long life", () => {
  const log = new Log();
  log.add("a", T + 5000);
  for (let i = 0; i < 100_000; i++) {
    log.clock.advance(1);
    log.move("a", log.clock.time + 5000);
  }
  assertEquals(log.came, []);
  assertLess(log.clock.sets, 100_000 / 5000 * 4);
});

Deno.test("ExpiryQueue.move() a million times counts the last deadline, and leaves no timer", () => {
  const log = new Log();
  log.add("a", T + 5000);
  for (let i = 0; i < 1_000_000; i++) log.move("a", T + 5000 + i);
  log.clock.advance(1_004_999);
  assertEquals([log.log, log.clock.pending], [[["a", 1_004_999]], 0]);
});

Deno.test("ExpiryQueue.move() earlier has it come then", () => {
  const log = new Log();
  log.add("a", T + 5000);
  log.move("a", T + 10);
  log.clock.advance(9);
  assertEquals(log.came, []);
  log.clock.advance(1);
  assertEquals(log.came, ["a"]);
});

Deno.test("ExpiryQueue.move() earlier does not have it come twice", () => {
  const log = new Log();
  log.add("a", T + 5000);
  log.move("a", T + 10);
  log.clock.advance(10_000);
  assertEquals(log.came, ["a"]);
});

Deno.test("ExpiryQueue.move() later and then earlier counts the last", () => {
  const log = new Log();
  log.add("a", T + 5000);
  log.move("a", T + 9000);
  log.move("a", T + 7000);
  log.clock.advance(6999);
  assertEquals(log.came, []);
  log.clock.advance(1);
  assertEquals(log.came, ["a"]);
});

Deno.test("ExpiryQueue.move() into the past has it come in the next turn", () => {
  const log = new Log();
  log.add("a", T + 5000);
  log.clock.advance(1000);
  log.move("a", T);
  assertEquals(log.came, []);
  log.clock.advance();
  assertEquals(log.log, [["a", 1000]]);
});

Deno.test("ExpiryQueue.move() changes deadlineOf()", () => {
  const log = new Log();
  const row = log.queue.add("a", T + 5000, T);
  log.queue.move(row, T + 6000, T);
  assertEquals(log.queue.deadlineOf(row), T + 6000);
});

Deno.test("ExpiryQueue.move() to Infinity has it never come", () => {
  const log = new Log();
  log.add("a", T + 10);
  log.move("a", Infinity);
  log.clock.advance(100_000);
  assertEquals([log.came, log.clock.pending, log.queue.size], [[], 0, 1]);
});

Deno.test("ExpiryQueue.move() from Infinity has it come", () => {
  const log = new Log();
  log.add("a", Infinity);
  log.clock.advance(1000);
  log.move("a", T + 1010);
  log.clock.advance(10);
  assertEquals(log.log, [["a", 1010]]);
});

Deno.test("ExpiryQueue.move() to and from Infinity has it come once", () => {
  const log = new Log();
  log.add("a", T + 10);
  log.move("a", Infinity);
  log.move("a", T + 20);
  log.clock.advance(1000);
  assertEquals(log.log, [["a", 20]]);
});

Deno.test("ExpiryQueue of 2,000 that are put off at random has them come in order", () => {
  const random = randomFrom(7);
  const log = new Log();
  const due = new Map<string, number>();
  for (const name of names(2000)) log.add(name, T + 5000);
  for (let i = 0; i < 2000; i++) {
    log.clock.advance(2);
    const name = String(Math.floor(random() * 2000));
    due.set(name, log.clock.time + 5000);
    log.move(name, log.clock.time + 5000);
  }
  log.clock.advance(10_000);
  const wrong = log.came.filter((name, i) =>
    log.times[i] !== (due.get(name) ?? T + 5000)
  );
  assertEquals([log.came.length, wrong], [2000, []]);
});

// Taken out.

Deno.test("ExpiryQueue.remove() has it never come", () => {
  const log = new Log();
  log.add("a", T + 10);
  log.add("b", T + 20);
  log.remove("a");
  log.clock.advance(100);
  assertEquals(log.came, ["b"]);
});

Deno.test("ExpiryQueue.remove() of the last takes the timer away", () => {
  const log = new Log();
  log.add("a", T + 10);
  log.remove("a");
  assertEquals(log.clock.pending, 0);
});

Deno.test("ExpiryQueue.remove() of an endless one leaves the others", () => {
  const log = new Log();
  log.add("a", Infinity);
  log.add("b", T + 20);
  log.remove("a");
  log.clock.advance(20);
  assertEquals(log.came, ["b"]);
});

Deno.test("ExpiryQueue.remove() gives the row to the next", () => {
  const log = new Log();
  const row = log.queue.add("a", T + 10, T);
  log.queue.add("b", T + 10, T);
  log.queue.remove(row);
  assertEquals(log.queue.add("c", T + 5, T), row);
});

Deno.test("ExpiryQueue.remove() and add() in the same row counts the new deadline", () => {
  const log = new Log();
  log.add("keeper", Infinity);
  log.add("a", T + 10);
  log.remove("a");
  log.add("b", T + 5000);
  log.clock.advance(4999);
  assertEquals(log.came, []);
  log.clock.advance(1);
  assertEquals(log.came, ["b"]);
});

Deno.test("ExpiryQueue does not grow while rows are taken and given back", () => {
  const log = new Log();
  log.add("keeper", Infinity);
  let highest = 0;
  for (let i = 0; i < 100_000; i++) {
    const row = log.queue.add("a", T + 10, T);
    highest = Math.max(highest, row);
    log.queue.remove(row);
  }
  assertEquals(highest, log.rows.get("keeper")! + 1);
});

Deno.test("ExpiryQueue begins again with the first row when it is empty", () => {
  const log = new Log();
  const first = log.queue.add("a", T + 10, T);
  const rows = names(5000).map((name) => log.queue.add(name, T + 10, T));
  log.queue.remove(first);
  for (const row of rows) log.queue.remove(row);
  assertEquals(log.queue.add("b", T + 10, T), first);
});

Deno.test("ExpiryQueue begins again with the first row when all have come", () => {
  const log = new Log();
  const first = log.queue.add("a", T + 10, T);
  log.rows.set("a", first);
  for (const name of names(5000)) log.add(name, T + 10);
  log.clock.advance(10);
  assertEquals([log.queue.size, log.queue.add("b", T + 50, T)], [0, first]);
});

Deno.test("ExpiryQueue works after it was empty", () => {
  const log = new Log();
  log.add("a", T + 10);
  log.clock.advance(10);
  log.add("b", T + 20);
  log.clock.advance(10);
  assertEquals(log.log, [["a", 10], ["b", 20]]);
});

Deno.test("ExpiryQueue works after it was empty for a long time", () => {
  const log = new Log();
  log.add("a", T + 10);
  log.clock.advance(2 ** 33);
  log.add("b", log.clock.time + 5000);
  log.clock.advance(4999);
  assertEquals(log.came, ["a"]);
  log.clock.advance(1);
  assertEquals(log.came, ["a", "b"]);
});

Deno.test("ExpiryQueue grows to 20,000 and has each come at its deadline", () => {
  const random = randomFrom(20_000);
  const log = new Log();
  const due = new Map<string, number>();
  for (const name of names(20_000)) {
    due.set(name, T + Math.floor(random() * 100_000));
    log.add(name, due.get(name)!);
  }
  log.clock.advance(100_000);
  const wrong = log.came.filter((name, i) => log.times[i] !== due.get(name));
  assertEquals([log.came.length, wrong, log.queue.size], [20_000, [], 0]);
});

Deno.test("ExpiryQueue grows while it runs", () => {
  const log = new Log();
  log.add("first", T + 10);
  log.add("second", T + 10);
  log.also = (item) => {
    if (item !== "first") return;
    for (const name of names(5000)) log.add(name, T + 20);
  };
  log.clock.advance(20);
  assertEquals(log.came, ["first", "second", ...names(5000)]);
});

// The timer.

Deno.test("ExpiryQueue sets no timer before the first", () => {
  const log = new Log();
  assertEquals(log.clock.sets, 0);
});

Deno.test("ExpiryQueue has one timer at most", () => {
  const random = randomFrom(5);
  const log = new Log();
  for (const name of names(1000)) {
    log.add(name, T + Math.floor(random() * 100_000));
    assertEquals(log.clock.pending, 1);
  }
});

Deno.test("ExpiryQueue has no timer when all have come", () => {
  const log = new Log();
  for (const name of names(100)) log.add(name, T + Number(name) * 50);
  log.clock.advance(5000);
  assertEquals([log.came.length, log.clock.pending], [100, 0]);
});

Deno.test("ExpiryQueue sets no timer for what never comes", () => {
  const log = new Log();
  log.add("a", Infinity);
  log.add("b", 2 ** 60);
  assertEquals(log.clock.sets, 0);
});

Deno.test("ExpiryQueue sets no timer beyond 2^31-1 ms", () => {
  const log = new Log();
  for (let level = 20; level < 53; level++) {
    log.add(String(level), T + 2 ** level);
  }
  assertLess(Math.max(...log.clock.delays), 2 ** 31);
});

Deno.test("ExpiryQueue sets no timer for a fraction of a millisecond", () => {
  const log = new Log(T + 0.4);
  for (let i = 0; i < 200; i++) {
    log.add(String(i), log.clock.time + 0.7 * i);
    log.clock.advance(0.9);
  }
  log.clock.advance(1000);
  assertEquals(log.clock.delays.filter((ms) => !Number.isInteger(ms)), []);
});

Deno.test("ExpiryQueue sets the timer anew for what is due sooner", () => {
  const log = new Log();
  log.add("a", T + 5000);
  log.add("b", T + 10);
  log.clock.advance(10);
  assertEquals(log.came, ["b"]);
});

Deno.test("ExpiryQueue with timers that fire a millisecond early is never early", () => {
  const random = randomFrom(9);
  const log = new Log();
  log.clock.early = 1;
  const due = new Map<string, number>();
  for (const name of names(500)) {
    due.set(name, T + Math.floor(random() * 200_000));
    log.add(name, due.get(name)!);
  }
  log.clock.advance(200_000);
  const wrong = log.came.filter((name, i) => log.times[i] !== due.get(name));
  assertEquals([log.came.length, wrong], [500, []]);
});

Deno.test("ExpiryQueue with a timer that fires much too early sets it again", () => {
  const log = new Log();
  log.add("a", T + 5000);
  log.clock.jump(100);
  log.clock.fireEarly();
  assertEquals([log.came, log.clock.pending], [[], 1]);
});

Deno.test("ExpiryQueue with a timer that fires early does not spin", () => {
  const log = new Log();
  log.clock.early = 1;
  log.add("a", T + 5000);
  log.clock.advance(5000);
  assertEquals(log.came, ["a"]);
  assertLess(log.clock.sets, 20);
});

Deno.test("ExpiryQueue with a late timer has all that is due come at once, in order", () => {
  const log = new Log();
  for (const name of names(100)) log.add(name, T + 10 * Number(name));
  log.clock.jump(500);
  log.clock.advance();
  assertEquals(log.came, names(51));
});

Deno.test("ExpiryQueue with a late timer has the rest come on time", () => {
  const log = new Log();
  for (const name of names(100)) log.add(name, T + 10 * Number(name));
  log.clock.jump(500);
  log.clock.advance(1000);
  assertEquals(
    log.times.slice(51).map((time) => time - T),
    names(100).slice(51).map((name) => 10 * Number(name)),
  );
});

Deno.test("ExpiryQueue with a late timer takes in what is added meanwhile", () => {
  const log = new Log();
  log.add("a", T + 10);
  log.clock.jump(5000);
  log.add("b", T + 5010);
  log.add("c", T + 20);
  log.clock.advance(10);
  assertEquals(log.came, ["a", "c", "b"]);
});

// A clock that is set.

for (
  const [step, what] of [
    [1, "a millisecond"],
    [32, "32 ms"],
    [3_600_000, "an hour"],
    [86_400_000, "a day"],
  ] as const
) {
  Deno.test(`ExpiryQueue has what is added come on time after the clock went back by ${what}`, () => {
    const log = new Log();
    log.add("a", T + 2 ** 33);
    log.clock.advance(1000);
    log.clock.jump(-step);
    const due = log.clock.time + 500;
    log.add("b", due);
    log.clock.advance(499);
    assertEquals(log.came, []);
    log.clock.advance(1);
    assertEquals([log.came, log.times], [["b"], [due]]);
  });

  Deno.test(`ExpiryQueue has what is due at once come at once after the clock went back by ${what}`, () => {
    const log = new Log();
    log.add("a", T + 2 ** 33);
    log.clock.advance(1000);
    log.clock.jump(-step);
    log.add("b", log.clock.time);
    log.clock.advance();
    assertEquals(log.came, ["b"]);
  });

  Deno.test(`ExpiryQueue has what is moved forward come on time after the clock went back by ${what}`, () => {
    const log = new Log();
    log.add("a", T + 100_000);
    log.clock.advance(1000);
    log.clock.jump(-step);
    const due = log.clock.time + 500;
    log.move("a", due);
    log.clock.advance(1000);
    assertEquals([log.came, log.times], [["a"], [due]]);
  });

  Deno.test(`ExpiryQueue has nothing come early after the clock went back by ${what}`, () => {
    const log = new Log();
    log.add("a", T + 5000);
    log.clock.advance(4999);
    log.clock.jump(-step);
    // Timers count the time that the machine is awake.
    log.clock.fireEarly();
    log.clock.advance(step);
    assertEquals(log.came, []);
    log.clock.advance(1);
    assertEquals(log.log, [["a", 5000]]);
  });

  Deno.test(`ExpiryQueue keeps all in order after the clock went back by ${what}`, () => {
    const random = randomFrom(11);
    const log = new Log();
    const due = new Map<string, number>();
    for (const name of names(500)) {
      due.set(name, T + 1000 + Math.floor(random() * 50_000));
      log.add(name, due.get(name)!);
    }
    log.clock.advance(1000);
    log.clock.jump(-step);
    const now = log.clock.time;
    for (const name of names(1000).slice(500)) {
      due.set(name, now + Math.floor(random() * 50_000));
      log.add(name, due.get(name)!);
    }
    log.clock.advance(step + 60_000);
    const wrong = log.came.filter((name, i) => log.times[i] !== due.get(name));
    assertEquals([log.came.length, wrong], [1000, []]);
  });

  Deno.test(`ExpiryQueue has what is due come after the clock went forward by ${what}`, () => {
    const log = new Log();
    log.add("a", T + step);
    log.add("b", T + step + 1);
    log.clock.jump(step);
    log.clock.fireEarly();
    assertEquals(log.came, ["a"]);
    log.clock.advance(1);
    assertEquals(log.came, ["a", "b"]);
  });

  Deno.test(`ExpiryQueue goes on when the clock goes back by ${what} while it runs`, () => {
    const log = new Log();
    for (const name of names(10)) log.add(name, T + 1000 + Number(name));
    log.also = (item) => {
      if (item === "2") log.clock.jump(-step);
    };
    log.clock.jump(2000);
    log.clock.fireEarly();
    log.clock.advance(step + 60_000);
    assertEquals(log.came, names(10));
  });
}

Deno.test("ExpiryQueue goes on when the clock goes back while it runs, and more is added", () => {
  const log = new Log();
  for (const name of names(10)) log.add(name, T + 1000);
  let due = 0;
  log.also = (item) => {
    if (item !== "2") return;
    log.clock.jump(-3_600_000);
    due = log.clock.time + 5;
    log.add("new", due);
  };
  log.clock.advance(1000);
  log.clock.advance(2 * 3_600_000);
  assertEquals(log.times[log.came.indexOf("new")], due);
  assertEquals(new Set(log.came).size, 11);
});

Deno.test("ExpiryQueue wakes at least once a minute, for a clock that may be set", () => {
  const log = new Log();
  log.add("a", T + 2 ** 33);
  assertLess(Math.max(...log.clock.delays), 60_001);
});

// What onDue may do. A deadline at a multiple of 32 comes out of a higher level.

for (const at of [1000, 1024]) {
  Deno.test(`ExpiryQueue has what is added for now in a run at ${at} come in the next turn`, () => {
    const log = new Log();
    log.add("a", T + at);
    log.also = (item) => {
      if (item === "a") log.add("b", T + at);
    };
    while (log.came.length === 0) log.clock.fireNext();
    assertEquals(log.came, ["a"]);
    log.clock.fireNext();
    assertEquals(log.log, [["a", at], ["b", at]]);
  });

  Deno.test(`ExpiryQueue has what is added for the past in a run at ${at} come in the next turn`, () => {
    const log = new Log();
    log.add("a", T + at);
    log.also = (item) => {
      if (item === "a") log.add("b", T);
    };
    while (log.came.length === 0) log.clock.fireNext();
    assertEquals(log.came, ["a"]);
    log.clock.fireNext();
    assertEquals(log.log, [["a", at], ["b", at]]);
  });

  Deno.test(`ExpiryQueue has what onDue leaves at ${at} come again in the next turn`, () => {
    const log = new Log();
    log.isRemoving = false;
    log.add("a", T + at);
    while (log.came.length === 0) log.clock.fireNext();
    assertEquals(log.came, ["a"]);
    log.clock.fireNext();
    assertEquals(log.log, [["a", at], ["a", at]]);
  });

  Deno.test(`ExpiryQueue has what is moved forward to now in a run at ${at} come in the next turn`, () => {
    const log = new Log();
    log.add("a", T + at);
    log.add("b", T + 9000);
    log.also = (item) => {
      if (item === "a") log.move("b", T + at);
    };
    while (log.came.length === 0) log.clock.fireNext();
    assertEquals(log.came, ["a"]);
    log.clock.fireNext();
    assertEquals(log.log, [["a", at], ["b", at]]);
  });

  Deno.test(`ExpiryQueue has what onDue puts off at ${at} come then`, () => {
    const log = new Log();
    log.isRemoving = false;
    log.add("a", T + at);
    log.also = (item) => log.move(item, log.clock.time + 100);
    log.clock.advance(at + 250);
    assertEquals(log.times.map((time) => time - T), [at, at + 100, at + 200]);
  });

  Deno.test(`ExpiryQueue does not have what is removed in a run at ${at} come`, () => {
    const log = new Log();
    for (const name of names(10)) log.add(name, T + at);
    log.also = (item) => {
      if (item === "3") {
        for (const name of ["4", "7", "9"]) log.remove(name);
      }
    };
    log.clock.advance(at + 10_000);
    assertEquals(log.came, ["0", "1", "2", "3", "5", "6", "8"]);
  });

  Deno.test(`ExpiryQueue is empty when all are removed in a run at ${at}`, () => {
    const log = new Log();
    for (const name of names(10)) log.add(name, T + at);
    log.also = (item) => {
      if (item === "3") {
        for (const name of [...log.rows.keys()]) log.remove(name);
      }
    };
    log.clock.advance(at);
    assertEquals(
      [log.came, log.queue.size, log.clock.pending],
      [["0", "1", "2", "3"], 0, 0],
    );
  });

  Deno.test(`ExpiryQueue does not have what is put off in a run at ${at} come before`, () => {
    const log = new Log();
    for (const name of names(3)) log.add(name, T + at);
    log.also = (item) => {
      if (item === "0") log.move("1", T + at + 77);
    };
    log.clock.advance(at + 100);
    assertEquals(log.log, [["0", at], ["2", at], ["1", at + 77]]);
  });

  Deno.test(`ExpiryQueue gives a removed row to another in a run at ${at} and mixes nothing up`, () => {
    const log = new Log();
    for (const name of names(3)) log.add(name, T + at);
    log.also = (item) => {
      if (item !== "0") return;
      log.remove("1");
      log.add("new", T + at + 50);
    };
    log.clock.advance(at + 100);
    assertEquals(log.log, [["0", at], ["2", at], ["new", at + 50]]);
  });

  Deno.test(`ExpiryQueue takes the same item again in a run at ${at}`, () => {
    const log = new Log();
    log.add("a", T + at);
    let isFirst = true;
    log.also = (item) => {
      if (isFirst) log.add(item, T + at + 50);
      isFirst = false;
    };
    log.clock.advance(at + 100);
    assertEquals(log.log, [["a", at], ["a", at + 50]]);
  });

  Deno.test(`ExpiryQueue that is emptied and filled in a run at ${at} goes on`, () => {
    const log = new Log();
    log.add("a", T + at);
    log.also = (item) => {
      if (item === "a") log.add("b", T + at + 5000);
    };
    log.clock.advance(at + 5000);
    assertEquals(log.log, [["a", at], ["b", at + 5000]]);
  });

  Deno.test(`ExpiryQueue has what is added for soon in a late run at ${at} come in its order`, () => {
    const log = new Log();
    log.add("a", T + at);
    log.add("z", T + at + 20);
    log.also = (item) => {
      if (item === "a") log.add("m", T + at + 10);
    };
    log.clock.jump(at + 30);
    log.clock.advance(10);
    assertEquals(log.came, ["a", "m", "z"]);
  });
}

Deno.test("ExpiryQueue has a chain of items for now come one a turn", () => {
  const log = new Log();
  log.add("0", T);
  log.also = (item) => {
    if (Number(item) < 99) log.add(String(Number(item) + 1), T);
  };
  let turns = 0;
  while (log.clock.fireNext()) turns++;
  assertEquals([turns, log.came], [100, names(100)]);
});

// Slices.

Deno.test("ExpiryQueue lets the event loop go while it works off a crowd", () => {
  const log = new Log();
  for (const name of names(1000)) log.add(name, T + 5000);
  log.also = () => log.clock.jump(1);
  while (log.came.length === 0) log.clock.fireNext();
  assertLess(log.came.length, 20);
});

Deno.test("ExpiryQueue lets the event loop go by a timer of 0 ms", () => {
  const log = new Log();
  for (const name of names(1000)) log.add(name, T + 5000);
  log.also = () => log.clock.jump(1);
  while (log.came.length === 0) log.clock.fireNext();
  assertEquals([log.clock.pending, log.clock.delays.at(-1)], [1, 0]);
});

Deno.test("ExpiryQueue loses nothing of a crowd, and keeps its order", () => {
  const log = new Log();
  for (const name of names(1000)) log.add(name, T + 5000);
  log.also = () => log.clock.jump(1);
  while (log.clock.fireNext());
  assertEquals([log.came, log.queue.size], [names(1000), 0]);
});

Deno.test("ExpiryQueue works a crowd off in turns that do some work each", () => {
  const log = new Log();
  for (const name of names(1000)) log.add(name, T + 5000);
  log.also = () => log.clock.jump(100);
  let turns = 0;
  while (log.clock.fireNext()) turns++;
  assertEquals(log.came.length, 1000);
  assertLess(turns, 1100);
});

Deno.test("ExpiryQueue takes out what is removed between two slices", () => {
  const log = new Log();
  for (const name of names(100)) log.add(name, T + 5000);
  log.also = () => log.clock.jump(1);
  while (log.came.length === 0) log.clock.fireNext();
  assertNotEquals(log.came.length, 100);
  const left = [...log.rows.keys()];
  for (const name of left) log.remove(name);
  assertEquals([log.queue.size, log.clock.pending], [0, 0]);
});

Deno.test("ExpiryQueue minds what is put off between two slices", () => {
  const log = new Log();
  for (const name of names(100)) log.add(name, T + 5000);
  log.also = () => log.clock.jump(1);
  while (log.came.length === 0) log.clock.fireNext();
  const now = log.clock.time;
  const left = [...log.rows.keys()];
  for (const name of left) log.move(name, now + 10_000);
  log.clock.advance(9999);
  assertEquals(log.came.length, 100 - left.length);
  log.clock.advance(200);
  assertEquals(log.came, names(100));
});

Deno.test("ExpiryQueue has what is added between two slices come after what was due before", () => {
  const log = new Log();
  for (const name of names(100)) log.add(name, T + 5000);
  log.also = () => log.clock.jump(1);
  while (log.came.length === 0) log.clock.fireNext();
  log.add("new", log.clock.time);
  while (log.clock.fireNext());
  assertEquals(log.came, [...names(100), "new"]);
});

Deno.test("ExpiryQueue has what is added between two slices for the past come all the same", () => {
  const log = new Log();
  for (const name of names(100)) log.add(name, T + 5000);
  log.also = () => log.clock.jump(1);
  while (log.came.length === 0) log.clock.fireNext();
  log.add("new", T);
  while (log.clock.fireNext());
  assertEquals([log.came.length, new Set(log.came).size], [101, 101]);
});

Deno.test("ExpiryQueue finds the new places of a crowd that was put off, in slices too", () => {
  const log = new Log();
  for (const name of names(20_000)) log.add(name, T + 5000);
  for (const name of names(20_000)) log.move(name, T + 9000);
  log.clock.advance(4000);
  // Each look at the clock takes a millisecond.
  log.clock.step = 1;
  while (log.came.length === 0 && log.clock.fireNext());
  log.clock.step = 0;
  log.clock.advance(20_000);
  assertEquals(log.came, names(20_000));
  assert(log.times.every((time) => time >= T + 9000));
});

/** A log whose clock has turns beside its timers, and a crowd at work in it. */
function crowdWithTurns(): { log: Log; turns: (() => void)[] } {
  const log = new Log();
  const turns: (() => void)[] = [];
  Object.assign(log.clock, {
    nextTurn: (callback: () => void) => void turns.push(callback),
  });
  for (const name of names(100)) log.add(name, T + 5000);
  log.also = () => log.clock.jump(1);
  while (log.came.length === 0) log.clock.fireNext();
  return { log, turns };
}

Deno.test("ExpiryQueue goes on with a crowd in the next turn", () => {
  const { log, turns } = crowdWithTurns();
  for (const turn of turns) turn();
  assertEquals([log.came, log.clock.pending], [names(100), 0]);
});

Deno.test("ExpiryQueue goes on with a crowd by its timer if no turn comes", () => {
  const { log, turns } = crowdWithTurns();
  while (log.clock.fireNext());
  assertEquals(log.came, names(100));
  for (const turn of turns) turn();
  assertEquals(log.came, names(100));
});

Deno.test("ExpiryQueue goes on with a crowd by its timer after 100 ms", () => {
  const { log, turns } = crowdWithTurns();
  log.also = () => log.clock.jump(60);
  for (const turn of turns) turn();
  // Two in turns of their own; a third would have sockets wait for longer.
  assertEquals([turns.length, log.clock.pending], [2, 1]);
  const count = log.came.length;
  assert(log.clock.fireNext());
  assertEquals([log.came.length, turns.length], [count + 1, 3]);
});

Deno.test("ExpiryQueue asks for no turn where nobody has to wait for one", () => {
  const { log, turns } = crowdWithTurns();
  for (const turn of turns) turn();
  turns.length = 0;
  log.also = () => {};
  for (const name of names(100)) log.add(name, log.clock.time + 5000);
  log.clock.advance(5000);
  assertEquals([log.came.length, turns.length], [200, 0]);
});

Deno.test("ExpiryQueue does nothing in a turn whose crowd has been taken out", () => {
  const { log, turns } = crowdWithTurns();
  for (const name of [...log.rows.keys()]) log.remove(name);
  const count = log.came.length;
  log.add("later", log.clock.time + 1000);
  for (const turn of turns) turn();
  assertEquals([log.came.length, log.clock.pending], [count, 1]);
  log.clock.advance(1000);
  assertEquals(log.came.at(-1), "later");
});

Deno.test("add() does the work of a timer that is overdue, where timers are dropped", () => {
  const log = new Log(T, 100);
  log.add("a", T + 50);
  log.clock.time = T + 100;
  log.add("b", T + 1000);
  assertEquals(log.log, []);
  log.clock.time = T + 1100;
  log.add("c", T + 2000);
  assertEquals(log.log, [["a", 1100], ["b", 1100]]);
  assertEquals(log.clock.pending, 1);
});

Deno.test("move() does the work of a timer that is overdue, but for the item itself", () => {
  const log = new Log(T, 0);
  log.add("a", T + 50);
  log.add("b", T + 50);
  log.clock.time = T + 200;
  log.move("b", T + 1000);
  assertEquals(log.log, [["a", 200]]);
});

Deno.test("add() leaves an overdue timer to ring, where timers are kept", () => {
  const log = new Log();
  log.add("a", T + 50);
  log.clock.time = T + 100_000;
  log.add("b", T + 200_000);
  assertEquals(log.log, []);
});

Deno.test("move() lets a late timer ring in the next turn, where timers are kept: they do not count a sleep of the machine", () => {
  const log = new Log();
  log.add("a", T + 5000);
  log.add("b", T + 6000);
  log.clock.time = T + 5900;
  log.move("b", T + 20_000);
  assertEquals(log.log, []);
  assertEquals(log.clock.delays.at(-1), 0);
  log.clock.advance();
  assertEquals(log.log, [["a", 5900]]);
});
