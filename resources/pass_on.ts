import { isPromiseLike, proceed } from "../base/promises.ts";
import { limitBody } from "../http/body.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { ENTER, WAIT } from "../request/internals.ts";
import type { Resource } from "../resource.ts";

/**
 * Gives back the segment that led to a child, so that the resource to which a
 * guard passes the request has the guard's own path.
 */
export function giveBackSegment(request: SiteRequest): void {
  request.postpath.unshift(request.prepath.pop()!);
}

/** Renders a resource in place of the one that the walk has found. */
export function renderBehind(
  resource: Resource,
  request: SiteRequest,
): Rendered | Promise<Rendered> {
  return proceed(request[ENTER](resource), () => {
    const rendered = renderOwn(resource, request);
    if (isPromiseLike(rendered)) request[WAIT]();
    return rendered;
  });
}

/** Renders a resource that was entered, with its own limit for bodies. */
export function renderOwn(
  resource: Resource,
  request: SiteRequest,
): Rendered | Promise<Rendered> {
  const { maxBodyBytes } = resource;
  if (maxBodyBytes !== undefined) limitBody(request.request, maxBodyBytes);
  return resource.render(request);
}
