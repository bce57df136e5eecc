/**
 * Resources: the nodes of the tree that a site serves.
 *
 * @module
 */

import { describe } from "./internal/describe.ts";
import type { Rendered, SiteRequest } from "./request.ts";

/** A method that renders the answer to one HTTP method. */
export type RenderMethod = (
  request: SiteRequest,
) => Rendered | Promise<Rendered>;

/** The methods that every server knows: without a `render_` one they are 405. */
const KNOWN_METHODS: readonly string[] = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
];

/**
 * A resource does not answer the method.
 *
 * The site makes a 405 of it, with `Allow`, or a 501 for a method that it does
 * not know at all.
 */
export class UnsupportedMethod extends Error {
  /** @ignore */
  override name = "UnsupportedMethod";
  /** The method that was asked for. */
  readonly method: string;
  /** The methods that the resource renders. */
  readonly allowedMethods: readonly string[];

  /**
   * Makes the error that a resource throws.
   *
   * @param method The method that was asked for.
   * @param allowedMethods Those that the resource renders.
   */
  constructor(method: string, allowedMethods: readonly string[]) {
    super(`Cannot render method ${describe(method)}`);
    this.method = method;
    this.allowedMethods = allowedMethods;
  }

  /** What `Allow` says: the methods rendered, HEAD with GET, and OPTIONS. */
  get allow(): string {
    const allowed = new Set(this.allowedMethods);
    if (allowed.has("GET")) allowed.add("HEAD");
    return [...allowed.add("OPTIONS")].join(", ");
  }

  /** 405, or 501 for a method that is not one of HTTP's usual ones. */
  get status(): 405 | 501 {
    return KNOWN_METHODS.includes(this.method) ? 405 : 501;
  }
}

/**
 * One node of the tree: children by path segment, `render_METHOD` by HTTP method.
 *
 * Subclass it and write `render_GET`, `render_POST` and so on; text that they
 * return is HTML. Put instances in one another with
 * {@linkcode Resource.putChild}, or override {@linkcode Resource.getChild} to
 * make children when they are asked for.
 *
 * From Twisted's `twisted.web.resource.Resource`. Here OPTIONS is answered, a
 * child that is not there is `undefined`, and methods may be asynchronous.
 *
 * @example Usage
 * ```ts
 * import { Resource, Site, type SiteRequest } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * class Greeting extends Resource {
 *   constructor(readonly name: string) {
 *     super();
 *   }
 *   override render_GET(): string {
 *     return `Hello, ${this.name}`;
 *   }
 * }
 * class Greetings extends Resource {
 *   override getChild(name: string): Resource {
 *     return new Greeting(name);
 *   }
 * }
 *
 * const root = new Resource().putChild("hello", new Greetings());
 * await using site = new Site(root);
 * const response = await site.fetch(new Request("http://localhost/hello/Ada"));
 * assertEquals(await response.text(), "Hello, Ada");
 * ```
 */
export class Resource {
  /**
   * Whether the walk ends here, with the rest of the path in `postpath`.
   *
   * @default {false}
   */
  isLeaf: boolean = false;

  /**
   * Whether requests for this resource are visits: a page that looks after itself
   * every few seconds, or a health check, would keep a session for ever.
   *
   * Where it is false, `request.getSession()` touches no session, and one that it
   * makes is not kept.
   *
   * @default {true}
   */
  touchesSession: boolean = true;

  readonly #children = new Map<string, Resource>();

  /** The children that were put here, in that order. */
  get children(): ReadonlyMap<string, Resource> {
    return this.#children;
  }

  /**
   * Puts a child here, in the place of one of the same name.
   *
   * @param name One segment of the path, decoded: it may hold a slash, which is
   * `%2F` in a URL. `""` is what follows a slash at the end: the folder itself.
   * @param child What to find there; one resource may be in many places.
   * @returns this resource.
   * @throws {TypeError} If the name is no string or the child no Resource.
   */
  putChild(name: string, child: Resource): this {
    if (typeof name !== "string") {
      throw new TypeError(
        `Cannot put a child: the name is not a string: ${describe(name)}`,
      );
    }
    if (!(child instanceof Resource)) {
      throw new TypeError(
        `Cannot put child "${name}": the child is not a Resource: ${
          describe(child)
        }`,
      );
    }
    this.#children.set(name, child);
    return this;
  }

  /**
   * Takes a child out.
   *
   * @returns whether there was one.
   */
  removeChild(name: string): boolean {
    return this.#children.delete(name);
  }

  /**
   * The child for a segment that none was put for; override it.
   *
   * @param _name The segment, decoded.
   * @param _request The request on its way; `postpath` is what comes after.
   * @returns the child, or a promise of it; undefined, as here, is a 404.
   */
  getChild(
    _name: string,
    _request: SiteRequest,
  ): Resource | undefined | Promise<Resource | undefined> {
    return undefined;
  }

  /** The child that was put here under the name, or else that of `getChild`. */
  getChildWithDefault(
    name: string,
    request: SiteRequest,
  ): Resource | undefined | Promise<Resource | undefined> {
    return this.#children.get(name) ?? this.getChild(name, request);
  }

  /** The names of the children that were put here, in that order. */
  listNames(): string[] {
    return [...this.#children.keys()];
  }

  /**
   * Answers a request by the `render_` method of its HTTP method.
   *
   * Without one, HEAD is answered by `render_GET`, less the body, and OPTIONS by
   * 204 and the methods that there are.
   *
   * @returns text (HTML unless the type is set), bytes, a stream, a Response, or
   * a promise of one.
   * @throws {UnsupportedMethod} If there is no method for it.
   */
  render(request: SiteRequest): Rendered | Promise<Rendered> {
    const { method } = request;
    // Nearly all that is asked.
    if (method === "GET" && typeof this.render_GET === "function") {
      return this.render_GET(request);
    }
    const render = this.#renderMethod(method) ??
      (method === "HEAD" ? this.#renderMethod("GET") : undefined);
    if (render !== undefined) return render.call(this, request);
    const unsupported = new UnsupportedMethod(method, this.#methods());
    if (method !== "OPTIONS") throw unsupported;
    request.setResponseCode(204);
    request.setHeader("allow", unsupported.allow);
    return "";
  }

  /** Answers GET, and HEAD if there is no `render_HEAD`. */
  render_GET?(request: SiteRequest): Rendered | Promise<Rendered>;
  /** Answers HEAD; a body is not sent. */
  render_HEAD?(request: SiteRequest): Rendered | Promise<Rendered>;
  /** Answers POST. */
  render_POST?(request: SiteRequest): Rendered | Promise<Rendered>;
  /** Answers PUT. */
  render_PUT?(request: SiteRequest): Rendered | Promise<Rendered>;
  /** Answers PATCH. */
  render_PATCH?(request: SiteRequest): Rendered | Promise<Rendered>;
  /** Answers DELETE. */
  render_DELETE?(request: SiteRequest): Rendered | Promise<Rendered>;
  /** Answers OPTIONS. */
  render_OPTIONS?(request: SiteRequest): Rendered | Promise<Rendered>;

  #renderMethod(method: string): RenderMethod | undefined {
    const render: unknown = Reflect.get(this, `render_${method}`);
    return typeof render === "function" ? render as RenderMethod : undefined;
  }

  #methods(): string[] {
    const methods: string[] = [];
    // for-in leaves out what classes define: it cannot be enumerated.
    const objects = [this as object];
    for (const object of objects) {
      const parent = Object.getPrototypeOf(object);
      if (parent !== null) objects.push(parent);
      for (const name of Object.getOwnPropertyNames(object)) {
        if (!name.startsWith("render_")) continue;
        const method = name.slice("render_".length);
        if (this.#renderMethod(method) !== undefined) methods.push(method);
      }
    }
    return methods;
  }
}
