import { assert, assertEquals } from "@std/assert";
import { ROOT, testWith } from "../helpers_process.ts";

/** Returns the KiB of an entry point with all it imports, minified and gzipped. */
async function sizeOf(entry: string): Promise<number> {
  const bundle = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--minify", "--platform=browser", entry],
    cwd: ROOT,
    stdout: "piped",
    stderr: "piped",
  }).output();
  assertEquals(bundle.code, 0, new TextDecoder().decode(bundle.stderr));
  const zipped = new Blob([bundle.stdout]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return (await new Response(zipped).bytes()).length / 1024;
}

for (const [entry, limit] of [["sessions.ts", 29], ["mod.ts", 60]] as const) {
  testWith(
    ["run"],
    `${entry} is at most ${limit} KiB, minified and gzipped`,
    async () => {
      const size = await sizeOf(entry);
      assert(size <= limit, `${size.toFixed(1)} KiB`);
      assert(size > limit / 2, `only ${size.toFixed(1)} KiB: was it bundled?`);
    },
  );
}
