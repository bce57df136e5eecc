import { assertEquals, assertThrows } from "@std/assert";
import {
  graphOf,
  type ImportGraph,
  type ModuleInfo,
  violations,
} from "../../tools/check_layers.ts";

const ROOT = "file:///package/";

function pathOf(specifier: string): string | undefined {
  return specifier.startsWith(ROOT) ? specifier.slice(ROOT.length) : undefined;
}

function graph(imports: Record<string, string[]>): ImportGraph {
  return new Map(Object.entries(imports));
}

/** Makes the output of `deno info` for one module with one dependency. */
function infoOf(path: string, dependency: object): ModuleInfo {
  return {
    modules: [{ specifier: ROOT + path, dependencies: [dependency] }],
  };
}

Deno.test("violations() finds none where imports point down", () => {
  const clean = graph({
    "mod.ts": ["site.ts", "session.ts", "base/clock.ts"],
    "site.ts": ["session.ts"],
    "session.ts": ["base/clock.ts"],
    "base/clock.ts": [],
  });
  assertEquals(violations(clean), []);
});

Deno.test("violations() names both ends of an upward import", () => {
  assertEquals(violations(graph({ "session.ts": ["site.ts"] })), [
    "session.ts (floor 4) imports site.ts (floor 14)",
  ]);
});

Deno.test("violations() places a file in a folder on the folder's floor", () => {
  const up = graph({ "stores/redis/client.ts": ["session/token.ts"] });
  assertEquals(violations(up), [
    "stores/redis/client.ts (floor 2) imports session/token.ts (floor 3)",
  ]);
});

Deno.test("violations() allows an import within a folder", () => {
  const inside = graph({
    "http/redirect.ts": ["http/response.ts"],
    "stores/redis_store.ts": ["stores/redis/client.ts"],
    "stores/redis/client.ts": ["stores/store.ts"],
  });
  assertEquals(violations(inside), []);
});

Deno.test("violations() refuses an import between folders of one floor", () => {
  assertEquals(violations(graph({ "live/a.ts": ["stores/store.ts"] })), [
    "live/a.ts (floor 2) imports stores/store.ts (floor 2)",
  ]);
});

Deno.test("violations() refuses an import between files at the top of one floor", () => {
  assertEquals(violations(graph({ "cli.ts": ["mod.ts"] })), [
    "cli.ts (floor 16) imports mod.ts (floor 16)",
  ]);
});

Deno.test("violations() lets testing.ts import its folder, and not the other way", () => {
  const entry = graph({ "testing.ts": ["testing/test_clock.ts"] });
  assertEquals(violations(entry), []);
  const back = graph({ "testing/test_clock.ts": ["testing.ts"] });
  assertEquals(violations(back), [
    "testing/test_clock.ts (floor 15) imports testing.ts (floor 15)",
  ]);
});

Deno.test("violations() shows each module of a circle", () => {
  const circle = graph({
    "resources/a.ts": ["resources/b.ts"],
    "resources/b.ts": ["resources/c.ts", "base/clock.ts"],
    "resources/c.ts": ["resources/b.ts"],
    "base/clock.ts": [],
  });
  assertEquals(violations(circle), [
    "Imports go round in a circle: resources/b.ts -> resources/c.ts -> resources/b.ts",
  ]);
});

Deno.test("violations() finds a module that imports itself", () => {
  assertEquals(violations(graph({ "resources/a.ts": ["resources/a.ts"] })), [
    "Imports go round in a circle: resources/a.ts -> resources/a.ts",
  ]);
});

Deno.test("violations() says where to add the folder of a new file", () => {
  const advice =
    "add its folder to FLOORS in tools/check_layers.ts, on the lowest floor that its imports allow";
  const added = graph({
    "internal/x.ts": ["site.ts"],
    "session.ts": ["examples/logme.ts"],
  });
  assertEquals(violations(added), [
    `Cannot place internal/x.ts: ${advice}`,
    `Cannot place examples/logme.ts: ${advice}`,
  ]);
});

Deno.test("graphOf() counts an import of types alone", () => {
  const info = infoOf("session.ts", { type: { specifier: `${ROOT}site.ts` } });
  assertEquals(violations(graphOf(info, pathOf)), [
    "session.ts (floor 4) imports site.ts (floor 14)",
  ]);
});

Deno.test("graphOf() counts a module once that is imported for code and types", () => {
  const to = { specifier: `${ROOT}base/clock.ts` };
  const info = infoOf("session.ts", { code: to, type: to });
  assertEquals(
    graphOf(info, pathOf),
    new Map([["session.ts", ["base/clock.ts"]]]),
  );
});

Deno.test("graphOf() leaves out modules of other packages", () => {
  const info: ModuleInfo = {
    modules: [
      ...infoOf("mod.ts", { code: { specifier: "npm:x@1" } }).modules,
      { specifier: "npm:x@1" },
    ],
  };
  assertEquals(graphOf(info, pathOf), new Map([["mod.ts", []]]));
});

Deno.test("graphOf() throws if a module of the package cannot be read", () => {
  const info = { modules: [{ specifier: `${ROOT}mod.ts`, error: "No file" }] };
  assertThrows(
    () => graphOf(info, pathOf),
    Error,
    "Cannot read mod.ts: No file",
  );
});

Deno.test("violations() puts a file that is listed itself on its own floor", () => {
  const store = graph({
    "stores/memory_store.ts": ["persistence/stored_backend.ts"],
    "stores/watchers.ts": ["persistence/stored_backend.ts"],
  });
  assertEquals(violations(store), [
    "stores/watchers.ts (floor 2) imports persistence/stored_backend.ts (floor 6)",
  ]);
});
