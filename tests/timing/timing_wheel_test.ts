// What a wheel does by itself; how it keeps to its deadlines with a timer is in
// expiry_queue_test.ts.

import { assert, assertEquals, assertLess } from "@std/assert";
import { MOVED, NOTHING, TimingWheel } from "../../timing/timing_wheel.ts";

/** A whole turn of the lower levels begins here, so levels are predictable. */
const T = 2 ** 40;

/** A wheel that stands at T, with items in it that are due so much later. */
function wheelWith(...delays: number[]): TimingWheel<number> {
  const wheel = new TimingWheel<number>();
  wheel.turnTo(T);
  for (const delay of delays) wheel.place(wheel.add(delay, T + delay), T);
  return wheel;
}

/** Takes out what is due until then, in one turn, and answers the items. */
function takeUntil(wheel: TimingWheel<number>, now: number): number[] {
  const taken: number[] = [];
  wheel.startTurn();
  for (;;) {
    const row = wheel.step(now);
    if (row === NOTHING) return taken;
    if (row === MOVED) continue;
    taken.push(wheel.itemAt(row)!);
    wheel.remove(row);
  }
}

Deno.test("TimingWheel.step() of an empty wheel is NOTHING", () => {
  assertEquals(new TimingWheel().step(Infinity), NOTHING);
});

Deno.test("TimingWheel.step() towards infinity takes all, in order", () => {
  const wheel = wheelWith(1_000_000, 0, 32, 31, 1023, 1024, 5);
  assertEquals(takeUntil(wheel, Infinity), [
    0,
    5,
    31,
    32,
    1023,
    1024,
    1_000_000,
  ]);
});

Deno.test("TimingWheel.step() takes what is due and leaves the rest", () => {
  const wheel = wheelWith(0, 10, 20, 3000);
  assertEquals(takeUntil(wheel, T + 15), [0, 10]);
  assertEquals(wheel.size, 2);
});

Deno.test("TimingWheel.step() takes nothing a fraction before it is due", () => {
  const wheel = wheelWith(10);
  assertEquals(takeUntil(wheel, T + 9.999), []);
});

Deno.test("TimingWheel.step() takes a fraction at the next whole millisecond", () => {
  const wheel = wheelWith(9.5);
  assertEquals(takeUntil(wheel, T + 9.9), []);
  assertEquals(takeUntil(wheel, T + 10), [9.5]);
});

Deno.test("TimingWheel.step() never takes what is due at infinity", () => {
  const wheel = wheelWith(Infinity);
  assertEquals(takeUntil(wheel, Infinity), []);
  assertEquals(wheel.size, 1);
});

Deno.test("TimingWheel.step() answers a row that is in no slot any more", () => {
  const wheel = wheelWith(0);
  let row = MOVED;
  while (row === MOVED) row = wheel.step(T);

  assertEquals(wheel.nextStep(), Infinity);
  assertEquals(wheel.size, 1);
  wheel.place(row, T);
  assertEquals(wheel.nextStep(), T);
});

Deno.test("TimingWheel.step() takes what is placed for now in the same turn once only", () => {
  const wheel = wheelWith(0);
  wheel.startTurn();
  let taken = 0;
  for (let row = wheel.step(T); row !== NOTHING; row = wheel.step(T)) {
    if (row === MOVED) continue;
    taken++;
    wheel.place(row, T);
  }
  assertEquals(taken, 1);
});

Deno.test("TimingWheel.startTurn() lets it be taken again", () => {
  const wheel = wheelWith(0);
  wheel.startTurn();
  for (let row = wheel.step(T); row !== NOTHING; row = wheel.step(T)) {
    if (row !== MOVED) wheel.place(row, T);
  }
  assertEquals(takeUntil(wheel, T), [0]);
});

Deno.test("TimingWheel.step() takes few steps for one far away", () => {
  const wheel = wheelWith(2 ** 39);
  let steps = 0;
  for (let row = MOVED; row === MOVED; steps++) row = wheel.step(Infinity);
  // Two for each level, at most.
  assertLess(steps, 2 * 11 + 2);
});

Deno.test("TimingWheel.setDue() answers whether the time is earlier", () => {
  const wheel = wheelWith();
  const row = wheel.add(1, T + 100);
  assertEquals(wheel.setDue(row, T + 200), false);
  assertEquals(wheel.setDue(row, T + 200), false);
  assertEquals(wheel.setDue(row, T + 199), true);
  assertEquals(wheel.dueOf(row), T + 199);
});

Deno.test("TimingWheel.setDue() of a later time is found when the slot comes up", () => {
  const wheel = wheelWith();
  const row = wheel.add(1, T + 100);
  wheel.place(row, T);
  wheel.setDue(row, T + 5000);
  assertEquals(takeUntil(wheel, T + 4999), []);
  assertEquals(takeUntil(wheel, T + 5000), [1]);
});

Deno.test("TimingWheel.place() answers when the slot begins", () => {
  const wheel = wheelWith();
  assertEquals(wheel.place(wheel.add(1, T + 5), T), T + 5);
  assertEquals(wheel.place(wheel.add(2, T + 37), T), T + 32);
  assertEquals(wheel.place(wheel.add(3, Infinity), T), Infinity);
});

Deno.test("TimingWheel.place() of what is past answers where the wheel stands", () => {
  const wheel = wheelWith();
  assertEquals(wheel.place(wheel.add(1, T - 5000), T), T);
});

Deno.test("TimingWheel.place() twice has it taken once", () => {
  const wheel = wheelWith();
  const row = wheel.add(1, T + 5);
  wheel.place(row, T);
  wheel.place(row, T);
  assertEquals(takeUntil(wheel, Infinity), [1]);
});

Deno.test("TimingWheel.add() alone has it not taken", () => {
  const wheel = wheelWith();
  wheel.add(1, T);
  assertEquals(takeUntil(wheel, Infinity), []);
  assertEquals(wheel.size, 1);
});

Deno.test("TimingWheel.nextStep() is no later than what is due next", () => {
  const wheel = wheelWith(5000, 70_000);
  const next = wheel.nextStep();
  assert(next >= T && next <= T + 5000);
});

Deno.test("TimingWheel.turnTo() does not turn back", () => {
  const wheel = wheelWith();
  wheel.turnTo(T - 1_000_000);
  assertEquals(wheel.place(wheel.add(1, T - 1000), T), T);
});

Deno.test("TimingWheel.place() turns back with a clock that has gone back", () => {
  const wheel = wheelWith(10);
  wheel.place(wheel.add(-5000, T - 5000), T - 6000);
  assertEquals(takeUntil(wheel, T - 5001), []);
  assertEquals(takeUntil(wheel, T - 5000), [-5000]);
  assertEquals(takeUntil(wheel, T + 10), [10]);
});

Deno.test("TimingWheel.remove() has it not taken, and no item in its row", () => {
  const wheel = wheelWith(1);
  const row = wheel.add(2, T + 2);
  wheel.place(row, T);
  wheel.remove(row);
  assertEquals(wheel.itemAt(row), undefined);
  assertEquals(takeUntil(wheel, Infinity), [1]);
});

Deno.test("TimingWheel.remove() of one whose slot has come up has it not taken", () => {
  const wheel = wheelWith(1, 1, 1);
  const row = wheel.add(2, T + 1);
  wheel.place(row, T);
  wheel.startTurn();
  wheel.step(T + 1);
  wheel.remove(row);
  assertEquals(takeUntil(wheel, T + 1), [1, 1, 1]);
});

Deno.test("TimingWheel.clear() has it begin with the first row again", () => {
  const wheel = new TimingWheel<number>();
  const rows = Array.from({ length: 5000 }, (_, i) => wheel.add(i, i));
  for (const row of rows) wheel.remove(row);

  wheel.clear();

  assertEquals(wheel.add(1, 1), rows[0]);
});

Deno.test("TimingWheel works from the beginning of time", () => {
  const wheel = new TimingWheel<number>();
  for (const due of [3, 0, 2 ** 45, 40]) wheel.place(wheel.add(due, due), 0);
  assertEquals(takeUntil(wheel, Infinity), [0, 3, 40, 2 ** 45]);
});

for (const due of [2 ** 53 - 2, 2 ** 53 - 1]) {
  Deno.test(`TimingWheel takes what is due at ${due}, and nothing later`, () => {
    const wheel = wheelWith();
    wheel.place(wheel.add(1, due), T);
    wheel.place(wheel.add(2, 2 ** 53), T);
    assertEquals(takeUntil(wheel, Infinity), [1]);
  });
}
