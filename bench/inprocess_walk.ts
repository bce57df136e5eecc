import { nextSegment, SiteRequest } from "../request.ts";
import { Resource, Site } from "../mod.ts";
import { RegExpRouter } from "hono/router/reg-exp-router";
import type { Candidate, Comparison } from "./inprocess_compare.ts";

/** Requests that are walked in one run. */
const TIMES = 5000;

/** A node of the tree that the baseline walks. */
class Node {
  readonly children = new Map<string, Node>();
  /** What is there for any other segment. */
  dynamic: Node | undefined = undefined;
}

/** What a request is to the baseline: it has found the path already. */
interface BarePath {
  readonly path: string;
}

/** The baseline: what a walk cannot do without. */
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

/** The walk of internal/answer.ts, for resources that make no one wait. */
function walkResources(
  root: Resource,
  request: SiteRequest,
): Resource | undefined {
  let resource = root;
  while (!resource.isLeaf) {
    const name = nextSegment(request);
    if (name === undefined) break;
    const child = resource.getChildWithDefault(name, request);
    if (!(child instanceof Resource)) return undefined;
    resource = child;
  }
  return resource;
}

/** One child for whatever segment. */
class Dynamic extends Resource {
  readonly #child = new Resource();

  override getChild(): Resource {
    return this.#child;
  }
}

/** The same tree twice, and paths through it. */
interface Trees {
  readonly resources: Resource;
  readonly nodes: Node;
  readonly paths: readonly string[];
}

/** A tree of so many levels, with so many children in each. */
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

/** One level of so many children, any of which is asked for. */
function makeWideTrees(width: number): Trees {
  const { resources, nodes } = makeTrees(1, width);
  const paths = Array.from(
    { length: Math.min(width, TIMES) },
    (_, i) => `/child${Math.floor(i * width / Math.min(width, TIMES))}`,
  );
  return { resources, nodes, paths };
}

/** So many children, with whatever below each. */
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

/** The two walks through the same paths. */
function walkers({ resources, nodes, paths }: Trees): Candidate[] {
  const site = new Site(resources);
  const requests = Array.from(
    { length: TIMES },
    (_, i) => new Request(`http://localhost${paths[i % paths.length]!}`),
  );
  // Each request is walked once, so they are made anew for each run.
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

/** Hono's fastest router, with as many routes. */
function honoRouter(width: number): Candidate {
  const router = new RegExpRouter<number>();
  for (let i = 0; i < width; i++) router.add("GET", `/route${i}/:id`, i);
  const paths = dynamicPaths(width).slice(0, 50);
  return {
    name: "Hono's RegExpRouter",
    // It takes as long for these as the walks for all.
    times: paths.length,
    run() {
      for (const path of paths) mustBeFound(router.match("GET", path)[0][0]);
    },
  };
}

/** So that no walk is left out by the compiler. */
function mustBeFound(found: unknown): void {
  if (found === undefined) throw new Error("Cannot find what is there");
}

/** The walk by the number of segments, of children and of dynamic routes. */
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
