import { describe } from "../base/describe.ts";
import { isPromiseLike, proceed } from "../base/promises.ts";
import { atLeast, checkOptions } from "../base/options.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { BODY_LIMITS, ENTER, WAIT } from "../request/internals.ts";
import { Resource } from "../resource.ts";

/**
 * Checks the resource to which another one passes requests.
 *
 * @param verb The action of the other one, for the message: `"guard"`.
 * @throws {TypeError} If it is not a Resource.
 */
export function checkResource(verb: string, resource: unknown): void {
  if (resource instanceof Resource) return;
  throw new TypeError(
    `Cannot ${verb} ${describe(resource)}: it is not a Resource`,
  );
}

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

const BODY_RULES = { maxBodyBytes: atLeast(0) };

/** Renders a resource that was entered, with its own limit for bodies. */
export function renderOwn(
  resource: Resource,
  request: SiteRequest,
): Rendered | Promise<Rendered> {
  const { maxBodyBytes } = resource;
  if (maxBodyBytes !== undefined) {
    checkOptions("limit a body", { maxBodyBytes }, BODY_RULES);
    BODY_LIMITS.set(request.request, maxBodyBytes);
  }
  return resource.render(request);
}
