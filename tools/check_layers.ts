/**
 * Checks that imports point one way, those of types included.
 *
 *     deno task check:layers
 *
 * A module imports from lower layers, and from its own only what lies in a
 * folder. Nothing imports itself, however long the way round.
 *
 * @module
 */

/** The layers from the lowest up; a file that is named goes before its folder. */
const LAYERS: readonly (readonly string[])[] = [
  [
    "internal/abort.ts",
    "internal/check_timeout.ts",
    "internal/clock.ts",
    "internal/describe.ts",
    "internal/duration_text.ts",
    "internal/file_tree.ts",
    "internal/files_in_use.ts",
    "internal/form_tokens.ts",
    "internal/forwarded.ts",
    "internal/guarded_listeners.ts",
    "internal/guarded_promise.ts",
    "internal/header_value.ts",
    "internal/histogram.ts",
    "internal/http_date.ts",
    "internal/http_error.ts",
    "internal/monitor_script.ts",
    "internal/monitor_style.ts",
    "internal/open_stream.ts",
    "internal/path.ts",
    "internal/principals.ts",
    "internal/promise_like.ts",
    "internal/running.ts",
    "internal/secret_hash.ts",
    "internal/session_clock_script.js",
    "internal/stored_values.ts",
    "internal/telemetry.ts",
    "internal/timing_wheel.ts",
    "internal/token.ts",
    "internal/watch_stream.ts",
    "internal/white_space.ts",
    "stores/store.ts",
  ],
  [
    "internal/basic_credentials.ts",
    "internal/body.ts",
    "internal/byte_ranges.ts",
    "internal/cli_options.ts",
    "internal/cookie_jar.ts",
    "internal/delivery.ts",
    "internal/end_listeners.ts",
    "internal/end_watch.ts",
    "internal/endpoint.ts",
    "internal/entity_tags.ts",
    "internal/error_reporter.ts",
    "internal/event_stream.ts",
    "internal/eviction.ts",
    "internal/expiry_queue.ts",
    "internal/file_stream.ts",
    "internal/idle_order.ts",
    "internal/pending_promises.ts",
    "internal/precompressed.ts",
    "internal/prometheus_text.ts",
    "internal/read_form.ts",
    "internal/read_json.ts",
    "internal/redirect.ts",
    "internal/renewal.ts",
    "internal/response.ts",
    "internal/restarting_server.ts",
    "internal/same_origin.ts",
    "internal/script_tree.ts",
    "internal/session_cookie.ts",
    "internal/session_socket.ts",
    "internal/session_streams.ts",
    "internal/test_clock.ts",
    "internal/test_process.ts",
    "internal/turns.ts",
    "internal/worker_siblings.ts",
    "internal/session_warnings.ts",
    "stores/*",
    "testing/*",
  ],
  ["session.ts"],
  [
    "request.ts",
    "internal/monitor_charts.ts",
    "internal/monitor_page.ts",
    "internal/monitor_viewers.ts",
    "internal/session_chronicle.ts",
    "internal/session_figures.ts",
    "internal/session_listing.ts",
    "site_metrics.ts",
  ],
  [
    "resource.ts",
    "internal/access_log.ts",
    "internal/representation.ts",
  ],
  [
    "resources/*",
    "internal/answer.ts",
    "internal/end_duty.ts",
    "internal/kept_session.ts",
    "internal/kept_site.ts",
    "internal/live_record.ts",
    "internal/session_keeper.ts",
    "internal/session_records.ts",
    "internal/store_check.ts",
    "internal/store_line.ts",
    "internal/store_parts.ts",
    "internal/stored_ends.ts",
    "internal/site_telemetry.ts",
    "internal/span_names.ts",
    "site_options.ts",
  ],
  ["site.ts", "policies.ts", "internal/check_options.ts"],
  ["listen.ts"],
  ["mod.ts", "cli.ts", "testing.ts"],
];

/** The folders of the package that hold its code. */
const FOLDERS: readonly string[] = [
  "internal",
  "resources",
  "stores",
  "testing",
];

/** What each module imports; paths are relative to the package. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** The part of what `deno info --json` prints that is read here. */
export interface ModuleInfo {
  /** The modules that can be reached from the one asked about. */
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
 * Finds what the layers forbid.
 *
 * @param graph What each module imports.
 * @returns a sentence for each violation; none if all is well.
 */
export function violations(graph: ImportGraph): string[] {
  const found: string[] = [];
  for (const path of unplaced(graph)) {
    found.push(
      `Cannot place ${path}: add it to LAYERS in tools/check_layers.ts, in the lowest layer that its imports allow`,
    );
  }
  for (const [path, imports] of graph) {
    for (const imported of imports) {
      if (!mayImport(path, imported)) {
        found.push(`${withLayer(path)} imports ${withLayer(imported)}`);
      }
    }
  }
  for (const cycle of cycles(graph)) {
    found.push(`Imports go round in a circle: ${cycle.join(" -> ")}`);
  }
  return found;
}

/**
 * Makes a graph of what `deno info --json` found.
 *
 * @param info What it printed, parsed.
 * @param pathOf The path of a module in the package; undefined for others.
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
  return new Set(paths.filter((path) => layerOf(path) === undefined));
}

function layerOf(path: string): number | undefined {
  for (const row of [path, `${folderOf(path)}/*`]) {
    const layer = LAYERS.findIndex((rows) => rows.includes(row));
    if (layer !== -1) return layer;
  }
  return undefined;
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.indexOf("/")));
}

/** What cannot be placed is allowed here, since it is a violation already. */
function mayImport(path: string, imported: string): boolean {
  const from = layerOf(path);
  const to = layerOf(imported);
  if (from === undefined || to === undefined || to < from) return true;
  return to === from && FOLDERS.includes(folderOf(imported));
}

function withLayer(path: string): string {
  return `${path} (layer ${layerOf(path)})`;
}

/** One way round for each import that closes a circle, depth first. */
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

/** Reads the imports of the whole package, what mod.ts does not reach as well. */
async function readGraph(): Promise<ImportGraph> {
  const root = new URL("..", import.meta.url);
  const config = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", root)),
  );
  // Linked packages lie in this checkout, but stand for those of a registry.
  const foreign: string[] = (config.links ?? []).map((link: string) =>
    new URL(`${link}/`, root).href
  );
  const pathOf = (specifier: string): string | undefined => {
    const isForeign = foreign.some((prefix) => specifier.startsWith(prefix));
    // JSON imports nothing, so it can be imported from anywhere.
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

/** The modules at the top and those anywhere in the folders of code. */
async function* listFiles(root: URL, folder = ""): AsyncGenerator<string> {
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(folder, root))
  ) {
    const path = folder + name;
    if (!isDirectory && name.endsWith(".ts")) yield path;
    if (isDirectory && (folder !== "" || FOLDERS.includes(name))) {
      yield* listFiles(root, `${path}/`);
    }
  }
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
