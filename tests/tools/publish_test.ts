import { assert, assertEquals, assertThrows } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { released } from "../../tools/release.ts";
import { ROOT, testWith } from "../helpers_process.ts";

/** The folders and files at the top that users get. */
const PUBLISHED = [
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "LICENSE",
  "README.md",
  "SECURITY.md",
  "adapters",
  "base",
  "cli.ts",
  "commands",
  "deno.json",
  "docs",
  "examples",
  "http",
  "listen.ts",
  "live",
  "metrics",
  "mod.ts",
  "monitor",
  "persistence",
  "policies.ts",
  "program",
  "registry",
  "request",
  "request.ts",
  "resource.ts",
  "resources",
  "session",
  "session.ts",
  "sessions.ts",
  "site",
  "site.ts",
  "stores",
  "testing",
  "testing.ts",
  "timing",
];

testWith(
  ["read", "run"],
  "deno publish takes what users need, and no slow types",
  async () => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["publish", "--dry-run", "--allow-dirty"],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stderr);
    assertEquals(code, 0, text);
    assert(!text.includes("slow-type"), text);
    const paths = [...text.matchAll(/^ +(file:\S+) \(/gm)].map(([, url]) =>
      url!.slice(ROOT.href.length)
    )
      // The release takes it away; see tools/release.ts.
      .filter((path) => !path.startsWith("tools/std/"));
    const tops = new Set(paths.map((path) => path.split("/")[0]!));
    assertEquals([...tops].sort(), PUBLISHED);
  },
);

Deno.test("a release has no links, and nothing else that differs", () => {
  const { links: _, ...expected } = config;
  assertEquals<unknown>(released(config, `v${config.version}`), expected);
});

Deno.test("a release refuses the tag of another version", () => {
  assertThrows(
    () => released(config, "v99.0.0"),
    Error,
    "Cannot release v99.0.0",
  );
});
