import { assert, assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { ROOT, testWith } from "../helpers_process.ts";

/**
 * The most packages that the first run of the example downloads: `deno-std` and
 * `@sinonjs/fake-timers`, which the links of `deno.json` need.
 */
const MOST = 2;

testWith(
  ["net", "run", "write"],
  `The first run of examples/logme.ts downloads ${MOST} packages at most`,
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["cache", "examples/logme.ts"],
        cwd: ROOT,
        env: { DENO_DIR: folder, NO_COLOR: "1" },
      }).output();
      const text = new TextDecoder().decode(stderr);
      assertEquals(code, 0, text);
      const downloaded = text.split("\n").filter((line) =>
        line.startsWith("Download") && line.endsWith(".tgz")
      );
      assert(downloaded.length > 0, `Nothing was downloaded: ${text}`);
      assert(downloaded.length <= MOST, downloaded.join("\n"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test("deno.json imports no npm package for all: `deno task` downloads those first", () => {
  const fromNpm = Object.entries(config.imports)
    .filter(([, target]) => target.startsWith("npm:"))
    .map(([name]) => name);
  // The product's own.
  assertEquals(fromNpm, ["srvx/node"]);
});
