import { SiteRequest } from "../request.ts";
import { PATH } from "../request/internals.ts";
import { Resource, Site } from "../mod.ts";
import { RegExpRouter } from "hono/router/reg-exp-router";
import type { Candidate, Comparison } from "./inprocess_compare.ts";

/** Requests to walk in one run. */
const TIMES = 5000;

/** A node of the baseline's tree. */
class Node {
  readonly children = new Map<string, Node>();
  /** The child for any other segment. */
  dynamic: Node | undefined = undefined;
}

/** A request of the baseline, with the parsed path. */
interface BarePath {
  readonly path: string;
}

/** The baseline: a minimal walk. */
function walkNodes(root: Node, { path }: BarePath): Node | undefined {
  let node: Node | undefined = root;
  let at = 1;
  while (node !== undefined && at <= path.length) {
    const slash = path.indexOf("/", at);
    const end = slash === -1 ? path.length : slash;
    let segment = path.slice(at, end);
    if (segment.includes("%")) segment = decodeURIComponent(segment);
    node = node.children.get(segment) ?? node.dynamic;
    at = end + 1;
  }
  return node;
}

/** The walk of site/walk.ts, for resources that return no promises. */
function walkResources(
  root: Resource,
  request: SiteRequest,
): Resource | undefined {
  let resource = root;
  while (!resource.isLeaf) {
    const name = request[PATH].next();
    if (name === undefined) break;
    const child = resource.getChildWithDefault(name, request);
    if (!(child instanceof Resource)) return undefined;
    resource = child;
  }
  return resource;
}

/** A resource with the same child for every segment. */
class Dynamic extends Resource {
  readonly #child = new Resource();

  override getChild(): Resource {
    return this.#child;
  }
}

/** Two equal trees, and paths through them. */
interface Trees {
  readonly resources: Resource;
  readonly nodes: Node;
  readonly paths: readonly string[];
}

/** Makes trees with several levels, and several children in each. */
function makeTrees(levels: number, width: number): Trees {
  const resources = new Resource();
  const nodes = new Node();
  let resource = resources;
  let node = nodes;
  let path = "";
  for (let level = 0; level < levels; level++) {
    for (let i = 0; i < width; i++) {
      resource.putChild(`child${i}`, new Resource());
      node.children.set(`child${i}`, new Node());
    }
    const name = `child${width >> 1}`;
    path += `/${name}`;
    resource = resource.children.get(name)!;
    node = node.children.get(name)!;
  }
  return { resources, nodes, paths: [path] };
}

/** Makes trees with one level, and paths to all children. */
function makeWideTrees(width: number): Trees {
  const { resources, nodes } = makeTrees(1, width);
  const paths = Array.from(
    { length: Math.min(width, TIMES) },
    (_, i) => `/child${Math.floor(i * width / Math.min(width, TIMES))}`,
  );
  return { resources, nodes, paths };
}

/** Makes children with the same subtree. */
function makeDynamicTrees(width: number): Trees {
  const resources = new Resource();
  const nodes = new Node();
  for (let i = 0; i < width; i++) {
    resources.putChild(`route${i}`, new Dynamic());
    const node = new Node();
    node.dynamic = new Node();
    nodes.children.set(`route${i}`, node);
  }
  return { resources, nodes, paths: dynamicPaths(width) };
}

function dynamicPaths(width: number): string[] {
  return Array.from(
    { length: TIMES },
    (_, i) => `/route${(i * 7919) % width}/id${i}`,
  );
}

/** Compares the two walks on the same paths. */
function walkers({ resources, nodes, paths }: Trees): Candidate[] {
  const site = new Site(resources);
  const requests = Array.from(
    { length: TIMES },
    (_, i) => new Request(`http://localhost${paths[i % paths.length]!}`),
  );
  // A request is walked once, so each run makes new requests.
  const bare: BarePath[] = [];
  const own: SiteRequest[] = [];
  return [
    {
      name: "20-line walk",
      prepare() {
        bare.length = 0;
        for (const { url } of requests) {
          bare.push({ path: url.slice("http://localhost".length) });
        }
      },
      run() {
        for (const path of bare) mustBeFound(walkNodes(nodes, path));
      },
    },
    {
      name: "ours",
      prepare() {
        own.length = 0;
        for (const request of requests) {
          own.push(new SiteRequest(site, request));
        }
      },
      run() {
        for (const request of own) {
          mustBeFound(walkResources(resources, request));
        }
      },
    },
  ];
}

/** Hono's fastest router, with the same number of routes. */
function honoRouter(width: number): Candidate {
  const router = new RegExpRouter<number>();
  for (let i = 0; i < width; i++) router.add("GET", `/route${i}/:id`, i);
  const paths = dynamicPaths(width).slice(0, 50);
  return {
    name: "Hono's RegExpRouter",
    // A run takes as long as a run of the walks.
    times: paths.length,
    run() {
      for (const path of paths) mustBeFound(router.match("GET", path)[0][0]);
    },
  };
}

/** Uses the result, so that the compiler does not remove the walk. */
function mustBeFound(found: unknown): void {
  if (found === undefined) throw new Error("Cannot find the resource");
}

/** Compares walks by the number of segments, children and dynamic routes. */
export function* walkComparisons(): Generator<Comparison> {
  for (const segments of [1, 3, 10]) {
    yield {
      title: `Walk, ${segments} segments, 10 children each`,
      times: TIMES,
      bar: 1.3,
      candidates: walkers(makeTrees(segments, 10)),
    };
  }
  for (const width of [1, 10, 100, 1000, 10_000]) {
    yield {
      title: `Walk, 1 segment, ${width.toLocaleString("en")} children`,
      times: TIMES,
      bar: 1.3,
      candidates: walkers(makeWideTrees(width)),
    };
  }
  yield {
    title: "Walk, 10,000 dynamic routes",
    times: TIMES,
    bar: 1.3,
    candidates: [...walkers(makeDynamicTrees(10_000)), honoRouter(10_000)],
  };
}
