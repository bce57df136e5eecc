import type { SiteRequest } from "../request.ts";
import type { Resource } from "../resource.ts";
import type { RouteStep, RouteWatch } from "./answer.ts";
import type { Span } from "./telemetry.ts";

/** How many segments of a route are named; the rest is one `*`. */
const MAX_SEGMENTS = 8;

/** How many routes there may be: more are not told apart. */
const MAX_ROUTES = 1000;

/** Methods that a span is named by; others are what a visitor made up. */
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

/**
 * Names the span of each request by its route: the path of the resource in the
 * tree, where what `getChild` made is `:name` and what a leaf has left is `*`.
 *
 * There are never more than a thousand names, for who collects pays for each:
 * of a request beyond them, or that leads nowhere, the span stays as it was.
 */
export class SpanNames implements RouteWatch {
  readonly #activeSpan: () => Span | undefined;
  readonly #report: (error: unknown) => void;
  readonly #segments = new WeakMap<SiteRequest, string[]>();
  readonly #routes = new Set<string>();

  /**
   * @param activeSpan The span of the request that is being answered.
   * @param report Takes what that, or the span, throws: no request is to fail.
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
    // A guard takes no segment of the path: it gives back the one that it got.
    segments.length = Math.min(segments.length, length);
    if (segments.length === length) return;
    // A folder itself is "", and may be anybody's child.
    const isNamed = name === "" || parent.children.get(name) === child;
    segments.push(isNamed ? name : ":name");
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
    // The slash of the root is all that such a leaf has left.
    const isRoot = segments.length === 0 && request.postpath[0] === "" &&
      request.postpath.length === 1;
    if (segments.length > MAX_SEGMENTS || (hasRest && !isRoot)) named.push("*");
    return `/${named.join("/")}`;
  }
}
