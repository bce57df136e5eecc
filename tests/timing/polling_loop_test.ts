import { assertEquals } from "@std/assert";
import type { MaybePromise } from "../../base/promises.ts";
import { PollingLoop } from "../../timing/polling_loop.ts";
import { ManualClock, settle, START } from "../helpers_session.ts";

/** A loop that records the times of its polls, counted from START. */
class Recorder {
  readonly clock = new ManualClock();
  readonly polls: number[] = [];
  readonly loop: PollingLoop;
  /** Called at each poll; returns the milliseconds until more may be due. */
  poll: () => MaybePromise<number> = () => Infinity;

  constructor(isWokenReliably = false) {
    this.loop = new PollingLoop(this.clock, () => {
      this.polls.push(this.clock.time - START);
      return this.poll();
    }, isWokenReliably);
  }
}

Deno.test("PollingLoop.wake() polls in the next turn, once", () => {
  const { clock, loop, polls } = new Recorder();
  loop.wake();
  loop.wake();
  assertEquals(polls, []);
  clock.advance();
  assertEquals(polls, [0]);
});

Deno.test("PollingLoop polls once a second if nothing is due", () => {
  const { clock, loop, polls } = new Recorder();
  loop.wake();
  clock.advance(3000);
  assertEquals(polls, [0, 1000, 2000, 3000]);
});

Deno.test("PollingLoop polls when more may be due", () => {
  const recorder = new Recorder();
  const { clock, loop, polls } = recorder;
  recorder.poll = () => 300;
  loop.wake();
  clock.advance(900);
  assertEquals(polls, [0, 300, 600, 900]);
});

Deno.test("PollingLoop that is woken reliably polls only when more is due", () => {
  const recorder = new Recorder(true);
  const { clock, loop, polls } = recorder;
  loop.wake();
  clock.advance(5000);
  assertEquals([polls, clock.pending], [[0], 0]);
  recorder.poll = () => 2500;
  loop.wake();
  clock.advance(2500);
  assertEquals(polls, [0, 5000, 7500]);
});

Deno.test("PollingLoop.wake() during a poll polls again after it", async () => {
  const recorder = new Recorder();
  const { clock, loop, polls } = recorder;
  const { promise, resolve } = Promise.withResolvers<number>();
  recorder.poll = () => promise;
  loop.wake();
  clock.advance();
  loop.wake();
  clock.advance(2000);
  assertEquals(polls, [0]);
  recorder.poll = () => Infinity;
  resolve(Infinity);
  await settle();
  clock.advance();
  assertEquals(polls, [0, 2000]);
});

Deno.test("PollingLoop polls once a second while polls fail", () => {
  const recorder = new Recorder();
  const { clock, loop, polls } = recorder;
  recorder.poll = () => {
    throw new Error("away");
  };
  loop.wake();
  clock.advance(4000);
  assertEquals(polls, [0, 1000, 2000, 3000, 4000]);
});

Deno.test("PollingLoop pauses no longer if the clock is set back during a failed poll", async () => {
  const recorder = new Recorder();
  const { clock, loop, polls } = recorder;
  const { promise, reject } = Promise.withResolvers<number>();
  recorder.poll = () => promise;
  loop.wake();
  clock.advance();
  clock.jump(-8000);
  reject(new Error("away"));
  await settle();
  recorder.poll = () => Infinity;
  clock.advance(1000);
  assertEquals(polls, [0, -7000]);
});

Deno.test("PollingLoop counts the time of a failed poll, though the clock is set back meanwhile", async () => {
  const recorder = new Recorder();
  const { clock, loop, polls } = recorder;
  let ahead = 0;
  Object.assign(clock, { monotonic: () => clock.time - ahead });
  const { promise, reject } = Promise.withResolvers<number>();
  recorder.poll = () => promise;
  loop.wake();
  clock.advance(2000);
  clock.jump(ahead = -8000);
  reject(new Error("away"));
  await settle();
  recorder.poll = () => Infinity;
  clock.advance();
  assertEquals(polls, [0, -6000]);
});

Deno.test("PollingLoop.nudge() polls in the next turn, unless the last poll failed", () => {
  const recorder = new Recorder();
  const { clock, loop, polls } = recorder;
  loop.nudge();
  clock.advance();
  assertEquals(polls, [0]);
  recorder.poll = () => {
    throw new Error("away");
  };
  clock.advance(1000);
  loop.nudge();
  clock.advance(500);
  assertEquals(polls, [0, 1000]);
});

Deno.test("PollingLoop.stop() leaves no timer and begins no poll", () => {
  const { clock, loop, polls } = new Recorder();
  loop.wake();
  loop.stop();
  loop.wake();
  clock.advance(5000);
  assertEquals([polls, clock.pending], [[], 0]);
});
