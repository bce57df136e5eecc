/**
 * Checks that imports point down, imports of types included.
 *
 *     deno task check:layers
 *
 * A file stands on the floor of its folder; a file that is listed itself, as
 * those at the top are, stands on its own floor. It imports from lower floors, or from its own folder. Imports form no
 * circles.
 *
 * @module
 */

/** The floors, from the lowest to the highest, with their folders and files. */
const FLOORS: readonly (readonly string[])[] = [
  ["base"],
  ["timing", "http", "program"],
  ["stores", "live"],
  ["session"],
  ["session.ts"],
  ["registry"],
  ["persistence"],
  [
    "stores/memory_store.ts",
    "stores/own_store.ts",
    "stores/postgres_store.ts",
    "stores/redis_store.ts",
    "stores/sqlite_store.ts",
  ],
  ["sessions.ts", "commands"],
  ["request"],
  ["request.ts", "adapters"],
  ["resource.ts"],
  ["resources", "metrics"],
  ["site"],
  ["site.ts", "monitor"],
  ["listen.ts", "policies.ts", "testing", "testing.ts"],
  ["mod.ts", "cli.ts"],
];

/** The imports of each module; paths are relative to the package. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** The parts of the output of `deno info --json` that this tool reads. */
export interface ModuleInfo {
  /** All modules that the inspected module imports, and itself. */
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

/**
 * Finds imports that the floors forbid.
 *
 * @returns a sentence for each violation.
 */
export function violations(graph: ImportGraph): string[] {
  const found: string[] = [];
  for (const path of unplaced(graph)) {
    found.push(
      `Cannot place ${path}: add its folder to FLOORS in tools/check_layers.ts, on the lowest floor that its imports allow`,
    );
  }
  for (const [path, imports] of graph) {
    for (const imported of imports) {
      if (!mayImport(path, imported)) {
        found.push(`${withFloor(path)} imports ${withFloor(imported)}`);
      }
    }
  }
  for (const cycle of cycles(graph)) {
    found.push(`Imports go round in a circle: ${cycle.join(" -> ")}`);
  }
  return found;
}

/**
 * Makes a graph from the output of `deno info --json`.
 *
 * @param pathOf Returns the path of a module in the package; undefined for other
 * modules.
 * @throws {Error} If a module of the package could not be read.
 */
export function graphOf(
  info: ModuleInfo,
  pathOf: (specifier: string) => string | undefined,
): Map<string, string[]> {
  const graph = new Map<string, string[]>();
  for (const { specifier, dependencies = [], error } of info.modules) {
    const path = pathOf(specifier);
    if (path === undefined) continue;
    if (error !== undefined) throw new Error(`Cannot read ${path}: ${error}`);
    const imports = new Set<string>();
    for (const { code, type } of dependencies) {
      for (const target of [code?.specifier, type?.specifier]) {
        const imported = target === undefined ? undefined : pathOf(target);
        if (imported !== undefined) imports.add(imported);
      }
    }
    graph.set(path, [...imports]);
  }
  return graph;
}

function unplaced(graph: ImportGraph): Set<string> {
  const paths = [...graph].flatMap(([path, imports]) => [path, ...imports]);
  return new Set(paths.filter((path) => floorOf(path) === undefined));
}

/** Returns the floor of a file: its own, or that of its outermost folder. */
function floorOf(path: string): number | undefined {
  const own = FLOORS.findIndex((rooms) => rooms.includes(path));
  if (own !== -1) return own;
  const floor = FLOORS.findIndex((rooms) => rooms.includes(roomOf(path)));
  return floor === -1 ? undefined : floor;
}

/** Returns the outermost folder of a file, or the file itself at the top. */
function roomOf(path: string): string {
  const [room = path] = path.split("/", 1);
  return room;
}

/** Returns whether an import is allowed. A file without a floor may import all. */
function mayImport(path: string, imported: string): boolean {
  const from = floorOf(path);
  const to = floorOf(imported);
  if (from === undefined || to === undefined || to < from) return true;
  return roomOf(path) === roomOf(imported) ||
    // testing.ts is the entry point of its folder.
    (path === "testing.ts" && roomOf(imported) === "testing");
}

function withFloor(path: string): string {
  return `${path} (floor ${floorOf(path)})`;
}

/** Returns a circle for each import that closes one, depth first. */
function cycles(graph: ImportGraph): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const begin = trail.indexOf(path);
    if (begin !== -1) found.push([...trail.slice(begin), path]);
    if (begin !== -1 || done.has(path)) return;
    for (const imported of graph.get(path) ?? []) {
      visit(imported, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

/** Reads the imports of all modules, including those that mod.ts does not reach. */
async function readGraph(): Promise<ImportGraph> {
  const root = new URL("..", import.meta.url);
  const config = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", root)),
  );
  // Linked packages are in this checkout, but replace packages of a registry.
  const foreign: string[] = (config.links ?? []).map((link: string) =>
    new URL(`${link}/`, root).href
  );
  const pathOf = (specifier: string): string | undefined => {
    const isForeign = foreign.some((prefix) => specifier.startsWith(prefix));
    // JSON imports nothing, so every module may import it.
    return isForeign || specifier.endsWith(".json") ||
        !specifier.startsWith(root.href)
      ? undefined
      : specifier.slice(root.href.length);
  };

  const exported: string[] = typeof config.exports === "string"
    ? [config.exports]
    : Object.values(config.exports);
  const graph = new Map<string, string[]>();
  const files = await Array.fromAsync(listFiles(root));
  for (const name of [...exported, ...files.sort()]) {
    const { href } = new URL(name, root);
    if (graph.has(pathOf(href) ?? "")) continue;
    for (const [path, imports] of graphOf(await infoOf(href), pathOf)) {
      graph.set(path, imports);
    }
  }
  return graph;
}

/** Lists the modules at the top, and those in the folders of the floors. */
async function* listFiles(root: URL, folder = ""): AsyncGenerator<string> {
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(folder, root))
  ) {
    const path = folder + name;
    if (!isDirectory && name.endsWith(".ts")) yield path;
    if (isDirectory && (folder !== "" || isRoom(name))) {
      yield* listFiles(root, `${path}/`);
    }
  }
}

/** Returns whether a folder at the top has code of the package. */
function isRoom(name: string): boolean {
  return FLOORS.some((rooms) => rooms.includes(name));
}

async function infoOf(specifier: string): Promise<ModuleInfo> {
  const { success, stdout, stderr } = await new Deno.Command("deno", {
    args: ["info", "--json", specifier],
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(
      `Cannot read the imports of ${specifier}: ${decoder.decode(stderr)}`,
    );
  }
  return JSON.parse(decoder.decode(stdout));
}

if (import.meta.main) {
  const graph = await readGraph();
  const found = violations(graph);
  for (const violation of found) console.error(violation);
  if (found.length > 0) Deno.exit(1);
  console.log(`${graph.size} modules, all imports point down`);
}
