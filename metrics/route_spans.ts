import type { SiteRequest } from "../request.ts";
import { HAS_NAMED_CHILD } from "../request/internals.ts";
import type { Resource } from "../resource.ts";
import type { Span } from "./open_telemetry.ts";

/** One step of the walk down the tree. */
export interface RouteStep {
  /** The resource that looked up the child. */
  readonly parent: Resource;
  /** The segment of the path. */
  readonly name: string;
  /** The child. */
  readonly child: Resource;
}

/** Observes the walk of each request down the tree. */
export interface RouteWatch {
  /** Called at each step of the walk. */
  step(request: SiteRequest, step: RouteStep): void;
  /** Called at the end of the walk, before the resource renders. */
  arrive(request: SiteRequest, resource: Resource): void;
}

/** The most segments of a route; one `*` stands for the rest. */
const MAX_SEGMENTS = 8;

/** The most routes that give names to spans. */
const MAX_ROUTES = 1000;

/** Methods that occur in names of spans; a client may send any other token. */
const METHODS: readonly string[] = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "QUERY",
];

/** A resource that may give its children fixed names. */
interface NamingResource extends Resource {
  [HAS_NAMED_CHILD]?(child: Resource): boolean;
}

/**
 * Names the span of each request by its route, the path of the resource in the
 * tree. `:name` stands for a child that `getChild` made, and `*` for the rest of
 * the path that a leaf handles itself.
 *
 * There are at most a thousand routes, since a collector stores data for each.
 * The span of a request beyond them, or of a request without a resource, keeps
 * its name.
 */
export class SpanNames implements RouteWatch {
  readonly #activeSpan: () => Span | undefined;
  readonly #report: (error: unknown) => void;
  readonly #segments = new WeakMap<SiteRequest, string[]>();
  readonly #routes = new Set<string>();

  /**
   * @param activeSpan Returns the span of the current request.
   * @param report Receives the errors of telemetry, so that requests succeed.
   */
  constructor(
    activeSpan: () => Span | undefined,
    report: (error: unknown) => void,
  ) {
    this.#activeSpan = activeSpan;
    this.#report = report;
  }

  step(request: SiteRequest, { parent, name, child }: RouteStep): void {
    const segments = this.#segments.get(request) ?? [];
    this.#segments.set(request, segments);
    const { length } = request.prepath;
    // A guard gives its segment of the path back to the next resource.
    segments.length = Math.min(segments.length, length);
    if (segments.length === length) return;
    // The segment "" is a folder itself, which getChild() often returns.
    const isNamed = name === "" || parent.children.get(name) === child ||
      (parent as NamingResource)[HAS_NAMED_CHILD]?.(child) === true;
    // A resource may take several segments at once.
    const taken = request.prepath.slice(segments.length);
    segments.push(...isNamed ? taken : taken.map(() => ":name"));
  }

  arrive(request: SiteRequest, resource: Resource): void {
    const route = this.#routeOf(request, resource);
    if (!this.#routes.has(route)) {
      if (this.#routes.size >= MAX_ROUTES) return;
      this.#routes.add(route);
    }
    const { method } = request;
    const verb = METHODS.includes(method) ? method : "HTTP";
    try {
      const span = this.#activeSpan();
      span?.updateName(`${verb} ${route}`);
      span?.setAttribute("http.route", route);
    } catch (error) {
      this.#report(error);
    }
  }

  #routeOf(request: SiteRequest, resource: Resource): string {
    const segments = this.#segments.get(request) ?? [];
    const named = segments.slice(0, MAX_SEGMENTS);
    const hasRest = resource.isLeaf && request.postpath.length > 0;
    // A leaf at the root is left with the slash of the path.
    const isRoot = segments.length === 0 && request.postpath[0] === "" &&
      request.postpath.length === 1;
    if (segments.length > MAX_SEGMENTS || (hasRest && !isRoot)) named.push("*");
    return `/${named.join("/")}`;
  }
}
