import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { repeatedIfStalled } from "./helpers_stalls.ts";

/** Blocks the thread, as a machine does that stalls. */
function stall(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
}

Deno.test("repeatedIfStalled() runs a test again that failed after a stall", async () => {
  let runs = 0;
  await repeatedIfStalled(() => {
    if (++runs > 1) return;
    stall();
    throw new Error("late");
  })();
  assertEquals(runs, 2);
});

Deno.test("repeatedIfStalled() notices a stall while a test fakes the time", async () => {
  let runs = 0;
  await repeatedIfStalled(async () => {
    using time = new FakeTime();
    await time.tickAsync(1000);
    if (++runs > 1) return;
    stall();
    throw new Error("late");
  })();
  assertEquals(runs, 2);
});

Deno.test("repeatedIfStalled() lets a test fail that fails each time", async () => {
  const fail = repeatedIfStalled(() => {
    throw new Error("wrong");
  });
  await assertRejects(() => fail(), Error, "wrong");
});
