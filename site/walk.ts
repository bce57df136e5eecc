import { describe } from "../base/describe.ts";
import { isPromiseLike, type MaybePromise } from "../base/maybe_promise.ts";
import type { RouteWatch } from "../metrics/route_watch.ts";
import type { SiteRequest } from "../request.ts";
import { PATH } from "../request/internals.ts";
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
    const child: unknown = resource.getChildWithDefault(name, request);
    const parent = resource;
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
