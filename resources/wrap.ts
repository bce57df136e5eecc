/**
 * Functions around resources, and the ways in which a resource passes requests on.
 *
 * @module
 */

import { describe } from "../base/describe.ts";
import {
  attempt,
  isPromiseLike,
  loadOnce,
  type MaybePromise,
  proceed,
} from "../base/promises.ts";
import { atLeast, checkOptions } from "../base/options.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { BODY_LIMITS, ENTER, WAIT } from "../request/internals.ts";
import { Resource } from "../resource.ts";

/** Of a Wrap: calls its function around a rendering. */
const RUN: unique symbol = Symbol("run");

type Render = () => Rendered | Promise<Rendered>;
type Around = (
  request: SiteRequest,
  next: Render,
) => Rendered | Promise<Rendered>;

/** The wraps around the page of a request, the outermost first. */
const wrapsOf = new WeakMap<SiteRequest, Wrap[]>();
/** Whether the program has a Wrap: without one, requests need no lookup. */
let isUsed = false;

/**
 * Runs a function around the rendering of a resource and of all below it: for
 * headers, timing, logging, caching or maintenance.
 *
 * The function runs once the walk has found the page of a request, absent pages
 * included, and calls `next()` to render it. Its result is sent. `next()` throws or
 * rejects with the error of the page, and with {@linkcode HttpError} 404 if there
 * is no page. Error pages are not wrapped. The wrap takes no segment of the path,
 * and children that are put into it are never found. Wraps may be nested. Set
 * `usesSession` to false if the function asks for no session: then pages without a
 * session make no call to the store.
 *
 * Twisted has no such resource.
 *
 * @example Usage
 * ```ts
 * import { Redirect, Site, Wrap } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * const root = new Wrap(new Redirect("/tea"), async (request, next) => {
 *   const begin = performance.now();
 *   const rendered = await next();
 *   const time = (performance.now() - begin).toFixed(1);
 *   request.setHeader("server-timing", `page;dur=${time}`);
 *   return rendered;
 * });
 * await using site = new Site(root);
 * const response = await site.fetch(new Request("http://localhost/"));
 * assertEquals(response.headers.has("server-timing"), true);
 * ```
 */
export class Wrap extends Resource {
  readonly #resource: Resource;
  readonly #around: Around;

  /**
   * Puts a function around a resource.
   *
   * @param resource The resource to wrap.
   * @param around Called for each request of any method.
   * @throws {TypeError} If an argument is of the wrong kind.
   */
  constructor(
    resource: Resource,
    around: (
      request: SiteRequest,
      next: () => Rendered | Promise<Rendered>,
    ) => Rendered | Promise<Rendered>,
  ) {
    super();
    checkResource("wrap", resource);
    if (typeof around !== "function") {
      throw new TypeError(
        `Cannot wrap ${describe(resource)}: around is not a function: ${
          describe(around)
        }`,
      );
    }
    this.#resource = resource;
    this.#around = around;
    isUsed = true;
  }

  /** Returns the wrapped resource, from which the walk continues. */
  override getChildWithDefault(_name: string, request: SiteRequest): Resource {
    giveBackSegment(request);
    const others = wrapsOf.get(request);
    if (others === undefined) wrapsOf.set(request, [this]);
    else others.push(this);
    return this.#resource;
  }

  /** Calls the function around the wrapped resource, if the path ends here. */
  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    return this[RUN](request, () => renderBehind(this.#resource, request));
  }

  /** @ignore */
  [RUN](request: SiteRequest, render: Render): Rendered | Promise<Rendered> {
    // The function may ask for the session even if the page does not.
    const enter = () => request[ENTER](this);
    // A page that is undefined is the fault of its resource.
    let page: Rendered | undefined = "";
    const leave = (rendered: Rendered) => page = rendered;
    const next = () => {
      const rendered = attempt(render);
      if (isPromiseLike(rendered)) {
        return Promise.resolve(rendered).finally(enter).then(leave);
      }
      enter();
      return leave(rendered);
    };
    const check = (returned: Rendered) => {
      if (returned !== undefined || page === undefined) return returned;
      throw new TypeError(
        "Cannot send a page: the function of a Wrap returned undefined",
      );
    };
    return proceed(enter(), () => proceed(this.#around(request, next), check));
  }
}

/** Renders the page that the walk has found, with the wraps on the way around it. */
export function renderWrapped(
  resource: Resource,
  request: SiteRequest,
): Rendered | Promise<Rendered> {
  const wraps = isUsed ? wrapsOf.get(request) : undefined;
  if (wraps === undefined) return renderOwn(resource, request);
  // An error page is rendered without them.
  wrapsOf.delete(request);
  const render = wraps.reduceRight<Render>(
    (next, wrap) => () => wrap[RUN](request, next),
    () => renderBehind(resource, request),
  );
  return render();
}

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
  resource: MaybePromise<Resource>,
  request: SiteRequest,
): Rendered | Promise<Rendered> {
  return proceed(
    resource,
    (resource) =>
      proceed(request[ENTER](resource), () => {
        const rendered = renderOwn(resource, request);
        if (isPromiseLike(rendered)) request[WAIT]();
        return rendered;
      }),
  );
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

/** Loads the code of resources that few requests need. */
export const loadLaterCode: () => MaybePromise<
  typeof import("./later_code.ts")
> = loadOnce(() => import("./later_code.ts"));
