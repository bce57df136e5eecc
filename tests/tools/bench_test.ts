import { assertEquals, assertMatch } from "@std/assert";
import { ROOT, testWith } from "../helpers_process.ts";

/** Without wrk there is nothing that the harness could do. */
async function hasWrk(): Promise<boolean> {
  const { state } = await Deno.permissions.query({ name: "run" });
  if (state !== "granted") return true;
  try {
    await new Deno.Command("wrk", { args: ["-v"] }).output();
    return true;
  } catch {
    return false;
  }
}

const what =
  "bench/run.ts prints tables of both modes with ours beside the baselines";

if (await hasWrk()) {
  testWith(["run", "read", "write", "net", "env", "sys"], what, async () => {
    const output = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "bench/run.ts",
        "--only=hello,mixed-hello",
        "--rounds=1",
        "--seconds=1",
        "--warm-up=0",
        // Another test may have a CPU for itself.
        "--unpinned",
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(110_000),
    }).output();

    const decoder = new TextDecoder();
    assertEquals(output.code, 0, decoder.decode(output.stderr));
    const text = decoder.decode(output.stdout);
    assertMatch(text, /^\| routing by hand +\| +[\d,]+ \(/m);
    assertMatch(text, /^\| Deno\.serve, bare +\| +[\d,]+ \(.* 1\.00 \|$/m);
    const ours = text.match(/^\| Curfew +\| +[\d,]+ \(/gm);
    assertEquals(ours?.length, 2);
  });
} else {
  Deno.test({ name: `${what} (ignored: needs wrk)`, ignore: true, fn() {} });
}

testWith(
  ["run", "read", "net", "env", "sys"],
  "bench/adapters.ts measures each framework",
  async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "bench/adapters.ts", "20", "1"],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    assertEquals(code, 0, decoder.decode(stderr));
    const text = decoder.decode(stdout);
    for (const name of ["Hono", "h3", "oak", "Express", "Fastify"]) {
      assertMatch(text, new RegExp(`^${name}: -?[\\d.]+ `, "m"));
    }
  },
);

testWith(
  ["run", "read", "write", "net", "env", "sys"],
  "bench/ends/run.ts counts the ends that are told, and those lost by a kill",
  async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "bench/ends/run.ts", "--only=in memory"],
        ...["--sessions=50", "--spread=2", "--lead=4"],
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    assertEquals(code, 0, decoder.decode(stderr));
    const [calm = "", killed = ""] = [
      ...decoder.decode(stdout).matchAll(/^\| Curfew, in memory .*$/gm),
    ].map(([row]) => row);
    assertMatch(calm, /^\| Curfew, in memory \| 50 \| 0 \| 0 \| 0 \| /);
    assertMatch(
      killed,
      /^\| Curfew, in memory \| \d+ \| [1-9]\d* \| 0 \| 0 \|/,
    );
  },
);
