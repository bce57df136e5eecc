// The fuzzer at work, for a few seconds: `deno task fuzz` does it for a million
// requests.

import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { fuzz } from "../../tools/fuzz.ts";
import { testWith } from "../helpers_process.ts";

testWith(
  ["net", "run", "read", "write"],
  "Site answers 5,000 mutated requests, and each session has its reason and its end",
  async () => {
    const count = 5000;
    const { failures, requests } = await fuzz({ count, seconds: 60, seed: 1 });

    assertEquals(failures, []);
    assertGreaterOrEqual(requests, count);
  },
);
