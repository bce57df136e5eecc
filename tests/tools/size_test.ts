import { assert, assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { makeFolder, ROOT, testWith } from "../helpers_process.ts";

/**
 * Returns the KiB of an entry point, minified and gzipped, with all that it loads
 * at once. The bundler puts modules that are loaded later, by `import()`, into other
 * files, which do not count. `gzip -9` makes 0.3 % less of it than Deno.
 */
async function sizeOf(entry: string): Promise<number> {
  using folder = makeFolder();
  const bundle = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--minify",
      "--platform=browser",
      "--code-splitting",
      `--outdir=${folder.path}`,
      entry,
    ],
    cwd: ROOT,
    stdout: "null",
    stderr: "piped",
  }).output();
  assertEquals(bundle.code, 0, new TextDecoder().decode(bundle.stderr));
  const names = new Set([entry.replace(/ts$/, "js")]);
  let code = "";
  for (const name of names) {
    const text = Deno.readTextFileSync(`${folder.path}/${name}`);
    code += text;
    for (const [, imported] of text.matchAll(/(?:from|import)"\.\/([^"]+)"/g)) {
      names.add(imported!);
    }
  }
  return gzipSync(code, { level: 9 }).length / 1024;
}

for (
  const [entry, limit] of [["sessions.ts", 25.2], ["mod.ts", 40]] as const
) {
  testWith(
    ["run", "read", "write"],
    `${entry} is at most ${limit} KiB, minified and gzipped`,
    async () => {
      const size = await sizeOf(entry);
      assert(size <= limit, `${size.toFixed(1)} KiB`);
      assert(size > limit / 2, `only ${size.toFixed(1)} KiB: was it bundled?`);
    },
  );
}
