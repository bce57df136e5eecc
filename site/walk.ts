import { describe } from "../base/describe.ts";
import { isPromiseLike, type MaybePromise, proceed } from "../base/promises.ts";
import type { RouteWatch } from "../metrics/route_spans.ts";
import type { SiteRequest } from "../request.ts";
import { ENTER, PATH, WAIT } from "../request/internals.ts";
import { Resource } from "../resource.ts";

/** Returns the resource at the path of a request; undefined if there is none. */
export function walk(
  root: Resource,
  request: SiteRequest,
  routes: RouteWatch | undefined,
): MaybePromise<Resource | undefined> {
  let resource = root;
  while (!resource.isLeaf) {
    const name = request[PATH].next();
    if (name === undefined) break;
    const parent = resource;
    let child: unknown = isPut(parent) ? parent.children.get(name) : undefined;
    if (child === undefined && mayMake(parent)) {
      child = proceed(
        request[ENTER](parent),
        () => childOf(parent, name, request),
      );
    }
    if (child instanceof Resource) {
      if (routes !== undefined) routes.step(request, { parent, name, child });
      resource = child;
      continue;
    }
    if (child === undefined) return undefined;
    if (!isPromiseLike(child)) throw new NoResourceError(parent, name, child);
    return Promise.resolve(child).then((child) => {
      if (child instanceof Resource) {
        if (routes !== undefined) routes.step(request, { parent, name, child });
        return walk(child, request, routes);
      }
      if (child === undefined) return undefined;
      throw new NoResourceError(parent, name, child);
    });
  }
  return resource;
}

/**
 * Returns whether the children of a resource are found without calling its code.
 */
function isPut(resource: Resource): boolean {
  return resource.getChildWithDefault ===
    Resource.prototype.getChildWithDefault;
}

/** Returns whether a resource may make children on request. */
function mayMake(resource: Resource): boolean {
  return !isPut(resource) ||
    resource.getChild !== Resource.prototype.getChild;
}

/** Calls the code of a resource; keeps the session while the request waits for it. */
function childOf(
  parent: Resource,
  name: string,
  request: SiteRequest,
): MaybePromise<Resource | undefined> {
  const child = parent.getChildWithDefault(name, request);
  if (isPromiseLike(child)) request[WAIT]();
  return child;
}

class NoResourceError extends TypeError {
  constructor(parent: Resource, name: string, child: unknown) {
    super(
      `Cannot find child ${
        describe(name)
      } of ${parent.constructor.name}: getChild answered no Resource: ${
        describe(child)
      }`,
    );
  }
}
