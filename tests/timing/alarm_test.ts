import { assertEquals } from "@std/assert";
import { Alarm } from "../../timing/expiry_queue.ts";
import { ManualClock, START } from "../helpers_session.ts";

/** An alarm that records the times at which it rings, counted from START. */
class Recorder {
  readonly clock = new ManualClock();
  readonly rings: number[] = [];
  readonly alarm: Alarm;
  /** Called at each ring. */
  onRing: () => void = () => {};

  constructor() {
    this.alarm = new Alarm(this.clock, () => {
      this.rings.push(this.clock.time - START);
      this.onRing();
    });
  }
}

Deno.test("Alarm.setFor() rings once, at the time", () => {
  const { alarm, clock, rings } = new Recorder();
  alarm.setFor(START + 10);
  clock.advance(9);
  assertEquals(rings, []);
  clock.advance(1000);
  assertEquals([rings, clock.pending], [[10], 0]);
});

Deno.test("Alarm.setFor() keeps an earlier time", () => {
  const { alarm, clock, rings } = new Recorder();
  alarm.setFor(START + 10);
  alarm.setFor(START + 20);
  assertEquals([alarm.time, clock.sets], [START + 10, 1]);
  clock.advance(100);
  assertEquals(rings, [10]);
});

Deno.test("Alarm.setFor() sets no second timer for the same time", () => {
  const { alarm, clock } = new Recorder();
  alarm.setFor(START + 10);
  alarm.setFor(START + 10);
  assertEquals(clock.sets, 1);
});

Deno.test("Alarm.setFor() replaces a later time", () => {
  const { alarm, clock, rings } = new Recorder();
  alarm.setFor(START + 20);
  alarm.setFor(START + 10);
  assertEquals([alarm.time, clock.pending], [START + 10, 1]);
  clock.advance(100);
  assertEquals(rings, [10]);
});

Deno.test("Alarm.setFor() rings in the next turn for a time in the past", () => {
  const { alarm, clock, rings } = new Recorder();
  alarm.setFor(START - 1000);
  assertEquals([rings, clock.delays], [[], [0]]);
  clock.advance();
  assertEquals(rings, [0]);
});

Deno.test("Alarm.setFor() never rings for Infinity", () => {
  const { alarm, clock } = new Recorder();
  alarm.setFor(Infinity);
  assertEquals([alarm.time, clock.sets], [Infinity, 0]);
});

Deno.test("Alarm.setFor() sets no timer beyond 2^31-1 ms", () => {
  const { alarm, clock, rings } = new Recorder();
  alarm.setFor(START + 2 ** 40);
  assertEquals(clock.delays, [2 ** 31 - 1]);
  clock.advance(2 ** 31 - 1);
  assertEquals(rings, [2 ** 31 - 1]);
});

Deno.test("Alarm.setFor() sets no timer for a fraction of a millisecond", () => {
  const { alarm, clock, rings } = new Recorder();
  alarm.setFor(START + 9.25);
  clock.advance(100);
  assertEquals([clock.delays, rings], [[10], [10]]);
});

Deno.test("Alarm.setFor() counts from the time that the caller has read", () => {
  const { alarm, clock } = new Recorder();
  clock.step = 1;
  alarm.setFor(START + 10, START);
  assertEquals([clock.delays, clock.time], [[10], START]);
});

Deno.test("Alarm.setFor() sets the alarm again while it rings", () => {
  const recorder = new Recorder();
  const { alarm, clock, rings } = recorder;
  recorder.onRing = () => {
    if (rings.length < 3) alarm.setFor(clock.time + 10);
  };
  alarm.setFor(START + 10);
  clock.advance(100);
  assertEquals([rings, clock.pending], [[10, 20, 30], 0]);
});

Deno.test("Alarm.time is Infinity while the alarm rings", () => {
  const recorder = new Recorder();
  const { alarm, clock } = recorder;
  const times: number[] = [];
  recorder.onRing = () => times.push(alarm.time);
  alarm.setFor(START + 10);
  clock.advance(10);
  assertEquals(times, [Infinity]);
});

Deno.test("Alarm.clear() cancels the timer", () => {
  const { alarm, clock, rings } = new Recorder();
  alarm.setFor(START + 10);
  alarm.clear();
  assertEquals([alarm.time, clock.pending], [Infinity, 0]);
  clock.advance(100);
  assertEquals(rings, []);
});

Deno.test("Alarm.clear() does nothing to an alarm that is not set", () => {
  const { alarm, clock, rings } = new Recorder();
  alarm.clear();
  alarm.setFor(START + 10);
  clock.advance(10);
  alarm.clear();
  assertEquals([rings, clock.clears], [[10], 0]);
});

Deno.test("Alarm.setFor() after clear() forgets the earlier time", () => {
  const { alarm, clock, rings } = new Recorder();
  alarm.setFor(START + 10);
  alarm.clear();
  alarm.setFor(START + 20);
  clock.advance(100);
  assertEquals(rings, [20]);
});

Deno.test("Alarm.setFor() rings in the next turn if the timer is late, since the machine has slept", () => {
  const { alarm, clock, rings } = new Recorder();
  alarm.setFor(START + 10);
  // Timers do not count the time of a sleep.
  clock.time += 5000;
  alarm.setFor(START + 9000);
  assertEquals(clock.delays.at(-1), 0);
  clock.advance();
  assertEquals([rings, alarm.time], [[5000], Infinity]);
});
