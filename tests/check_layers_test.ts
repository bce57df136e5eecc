import { assertEquals, assertThrows } from "@std/assert";
import {
  graphOf,
  type ImportGraph,
  type ModuleInfo,
  violations,
} from "../tools/check_layers.ts";

const ROOT = "file:///package/";

function pathOf(specifier: string): string | undefined {
  return specifier.startsWith(ROOT) ? specifier.slice(ROOT.length) : undefined;
}

function graph(imports: Record<string, string[]>): ImportGraph {
  return new Map(Object.entries(imports));
}

/** What `deno info` says of one module with one dependency. */
function infoOf(path: string, dependency: object): ModuleInfo {
  return {
    modules: [{ specifier: ROOT + path, dependencies: [dependency] }],
  };
}

Deno.test("violations() finds none where imports point down", () => {
  const clean = graph({
    "mod.ts": ["site.ts", "session.ts", "internal/clock.ts"],
    "site.ts": ["session.ts"],
    "session.ts": ["internal/clock.ts"],
    "internal/clock.ts": [],
  });
  assertEquals(violations(clean), []);
});

Deno.test("violations() names both ends of an upward import", () => {
  assertEquals(violations(graph({ "session.ts": ["site.ts"] })), [
    "session.ts (layer 2) imports site.ts (layer 6)",
  ]);
});

Deno.test("violations() allows an import within a layer of what lies in a folder", () => {
  const inside = graph({
    "internal/redirect.ts": ["internal/response.ts"],
    "resource.ts": ["internal/access_log.ts"],
    "resources/guard.ts": ["resources/pages.ts"],
    "stores/sqlite.ts": ["stores/memory.ts"],
  });
  assertEquals(violations(inside), []);
});

Deno.test("violations() refuses an import within a layer of what lies at the top", () => {
  const top = graph({
    "cli.ts": ["mod.ts"],
    "internal/access_log.ts": ["resource.ts"],
  });
  assertEquals(violations(top), [
    "cli.ts (layer 8) imports mod.ts (layer 8)",
    "internal/access_log.ts (layer 4) imports resource.ts (layer 4)",
  ]);
});

Deno.test("violations() places a file by its name before its folder", () => {
  const store = graph({ "stores/store.ts": ["stores/memory.ts"] });
  assertEquals(violations(store), [
    "stores/store.ts (layer 0) imports stores/memory.ts (layer 1)",
  ]);
});

Deno.test("violations() shows the way round a circle", () => {
  const circle = graph({
    "resources/a.ts": ["resources/b.ts"],
    "resources/b.ts": ["resources/c.ts", "internal/clock.ts"],
    "resources/c.ts": ["resources/b.ts"],
    "internal/clock.ts": [],
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

Deno.test("violations() sends whoever adds a file to the table", () => {
  const advice =
    "add it to LAYERS in tools/check_layers.ts, in the lowest layer that its imports allow";
  const newcomers = graph({
    "internal/x.ts": ["site.ts"],
    "session.ts": ["examples/logme.ts"],
  });
  assertEquals(violations(newcomers), [
    `Cannot place internal/x.ts: ${advice}`,
    `Cannot place examples/logme.ts: ${advice}`,
  ]);
});

Deno.test("graphOf() counts an import of types alone", () => {
  const info = infoOf("session.ts", { type: { specifier: `${ROOT}site.ts` } });
  assertEquals(violations(graphOf(info, pathOf)), [
    "session.ts (layer 2) imports site.ts (layer 6)",
  ]);
});

Deno.test("graphOf() counts a module once that is imported for code and types", () => {
  const to = { specifier: `${ROOT}internal/clock.ts` };
  const info = infoOf("session.ts", { code: to, type: to });
  assertEquals(
    graphOf(info, pathOf),
    new Map([["session.ts", ["internal/clock.ts"]]]),
  );
});

Deno.test("graphOf() leaves out what is not of the package", () => {
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
