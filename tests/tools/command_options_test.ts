// Wrong options of the tools, each run as its task runs it.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { ROOT, testWith } from "../helpers_process.ts";

for (
  const [task, option, fault] of [
    ["simulate", "--mode=quiet", "simulate: --mode is not one of calm, crash"],
    ["simulate", "--seeds=many", "simulate: --seeds is not a whole number"],
    ["simulate", "--sedes=5", "simulate: Unknown option '--sedes'"],
    ["simulate", `--seed=${"9".repeat(20)}`, "simulate: --seed is not a whole"],
    [
      "simulate/mutants",
      "--seeds=many",
      "find mutants: --seeds is not a whole",
    ],
    ["simulate/mutants", "--seed=5", "find mutants: Unknown option '--seed'"],
    ["simulate/mutants", "--only=x y", "find mutants: no name has --only: x y"],
    ["chaos", "oracle", "run chaos: the kind of chaos is not one of redis"],
    ["chaos", "--seconds=long", "run chaos: --seconds is not a whole number"],
  ] as const
) {
  testWith(["run", "read"], `deno task ${task} refuses ${option}`, async () => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `tools/${task}.ts`, option],
      cwd: ROOT,
    }).output();
    assertEquals(code, 1);
    assertStringIncludes(new TextDecoder().decode(stderr), `Cannot ${fault}`);
  });
}
