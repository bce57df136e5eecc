import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { systemClock } from "../../base/clock.ts";

Deno.test("systemClock.nextTurn() calls back once, and not at once", async () => {
  const calls: string[] = [];
  const turn = Promise.withResolvers<void>();
  systemClock.nextTurn!(() => {
    calls.push("turn");
    turn.resolve();
  });
  calls.push("after");
  await turn.promise;
  await new Promise<void>((resolve) => systemClock.nextTurn!(resolve));
  assertEquals(calls, ["after", "turn"]);
});

Deno.test("systemClock.nextTurn() goes by the timers that are faked", () => {
  using time = new FakeTime();
  let calls = 0;
  systemClock.nextTurn!(() => calls++);
  assertEquals(calls, 0);
  time.tick(0);
  assertEquals(calls, 1);
});
