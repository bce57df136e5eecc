import { assertEquals, assertStringIncludes } from "@std/assert";
import { ROOT, testWith } from "../helpers_process.ts";

/** Runs a program in a process of its own, and returns what it writes. */
async function run(program: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", program],
    cwd: ROOT,
    stdout: "piped",
    stderr: "piped",
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

const ATTEMPT = `
  try {
    await new Sessions({ store: new Proxy({}, { get: () => () => {} }) }).close();
  } catch (error) {
    console.log(error.name, error.message);
  }`;

testWith(
  ["run"],
  "new Sessions() with a store of your own says which module loads the code for stores",
  async () => {
    const told = await run(
      `import { Sessions } from "./sessions.ts"; ${ATTEMPT}`,
    );
    assertStringIncludes(told, "TypeError Cannot use the store");
    assertStringIncludes(told, 'import "@curfew/web/stores/store"');
  },
);

for (
  const module of [
    "stores/own_store.ts",
    "stores/memory_store.ts",
    "stores/sqlite_store.ts",
    "stores/redis_store.ts",
  ]
) {
  testWith(["run"], `${module} loads the code for stores`, async () => {
    const told = await run(
      `import { Sessions } from "./sessions.ts"; import "./${module}"; ${ATTEMPT}`,
    );
    assertEquals(told.includes("Cannot use the store"), false, told);
  });
}
