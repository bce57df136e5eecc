import { assert, assertEquals } from "@std/assert";
import { ClaimSpread } from "../../stores/postgres/claim_spread.ts";

Deno.test("ClaimSpread.pause() is 0 while this node alone claims ends", () => {
  const spread = new ClaimSpread();
  assertEquals(spread.pause(), 0);
  spread.noteOwn("a");
  spread.noteEnd("a");
  assertEquals(spread.pause(), 0);
});

Deno.test("ClaimSpread.pause() is up to 20 ms once another node has claimed an end", () => {
  const spread = new ClaimSpread();
  spread.noteOwn("a");
  spread.noteEnd("b");
  const pauses = Array.from({ length: 100 }, () => spread.pause());
  assert(pauses.every((pause) => pause >= 0 && pause < 20), `${pauses}`);
  assert(new Set(pauses).size > 1, `${pauses}`);
});

Deno.test("ClaimSpread.noteOwn() keeps a bounded number of uids", () => {
  const spread = new ClaimSpread();
  // Their notifications were lost.
  for (let i = 0; i < 1001; i++) spread.noteOwn(`${i}`);
  // So a notification of the first is taken for that of another node.
  spread.noteEnd("0");
  assert(Array.from({ length: 50 }, () => spread.pause()).some((p) => p > 0));
});
