import type { SiteRequest } from "../request.ts";
import type { Resource } from "../resource.ts";

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
