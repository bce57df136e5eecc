/**
 * Resources: the nodes of the tree that a site serves.
 *
 * @module
 */

import { describe } from "./base/describe.ts";
import { HttpError } from "./http/http_error.ts";
import type { Rendered, SiteRequest } from "./request.ts";

/** A method that renders the response to one HTTP method. */
export type RenderMethod = (
  request: SiteRequest,
) => Rendered | Promise<Rendered>;

/** The methods that are answered 405 if a resource does not render them. */
export const KNOWN_METHODS: readonly string[] = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
];

/**
 * The error of a resource that does not render a method: 405 with an `Allow`
 * header, or 501 for an unusual method.
 *
 * It is an {@linkcode HttpError}, so that `errorPage`, and the frameworks that
 * answer such errors, need no case of their own.
 */
export class UnsupportedMethod extends HttpError {
  /** @ignore */
  override name = "UnsupportedMethod";
  /** The requested method. */
  readonly method: string;
  /** The methods that the resource renders. */
  readonly allowedMethods: readonly string[];

  /**
   * Makes the error that a resource throws.
   *
   * @param method The requested method.
   * @param allowedMethods The methods that the resource renders.
   * @throws {TypeError} If one of them cannot be in a header.
   */
  constructor(method: string, allowedMethods: readonly string[]) {
    const isKnown = KNOWN_METHODS.includes(method);
    super(
      isKnown ? 405 : 501,
      `Cannot render method ${describe(method)}`,
      isKnown ? { headers: { allow: allowOf(allowedMethods) } } : {},
    );
    this.method = method;
    this.allowedMethods = allowedMethods;
  }

  /** The `Allow` header: the rendered methods, HEAD with GET, and OPTIONS. */
  get allow(): string {
    return allowOf(this.allowedMethods);
  }
}

function allowOf(methods: readonly string[]): string {
  const allowed = new Set(methods);
  if (allowed.has("GET")) allowed.add("HEAD");
  return [...allowed.add("OPTIONS")].join(", ");
}

/**
 * One node of the tree: children by path segment, `render_METHOD` by HTTP method.
 *
 * Subclass it and write `render_GET`, `render_POST` and so on. Text that they
 * return is HTML. Build the tree with {@linkcode Resource.putChild}, or override
 * {@linkcode Resource.getChild} to make children on request.
 *
 * From Twisted's `twisted.web.resource.Resource`. Here OPTIONS has a response, an
 * absent child is `undefined`, and methods may be asynchronous.
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
   * Whether requests for this resource touch the session. Set it to false for a
   * page that reloads every few seconds, or a health check: such requests would
   * keep a session alive forever.
   *
   * If it is false, `request.getSession()` touches no session, and a session that
   * it makes is not kept.
   *
   * @default {true}
   */
  touchesSession: boolean = true;

  /**
   * Whether the code of this resource asks for the session. Set it to false for
   * files, data and redirects: then requests for them make no call to a store.
   *
   * If it is false, an Error is thrown when the code of the resource asks
   * `request` for the session or the principal.
   *
   * @default {true}
   */
  usesSession: boolean = true;

  /**
   * The most bytes of a body that the code of this resource may read, 0 or more;
   * Infinity for uploads that are streamed. It replaces the site's `maxBodyBytes`
   * for requests that this resource renders, but not in `getChild()`.
   *
   * @default {undefined}
   */
  maxBodyBytes: number | undefined = undefined;

  readonly #children = new Map<string, Resource>();

  /** The children that were put here, in the order in which they were put. */
  get children(): ReadonlyMap<string, Resource> {
    return this.#children;
  }

  /**
   * Puts a child here, and replaces a child of the same name.
   *
   * @param name One segment of the path, decoded: it may contain a slash, which is
   * `%2F` in a URL. To serve `/a/b`, put a resource as `"a"`, and the child into it as
   * `"b"`. `""` is the segment after a slash at the end: the page of the folder itself.
   * @param child The resource, which may be in several places.
   * @returns this resource.
   * @throws {TypeError} If the name is not a string, or the child not a Resource.
   */
  putChild(name: string, child: Resource): this {
    if (typeof name !== "string") {
      throw new TypeError(
        `Cannot put a child: the name is not a string: ${describe(name)}`,
      );
    }
    if (!(child instanceof Resource)) {
      throw new TypeError(
        `Cannot put child ${describe(name)}: the child is not a Resource: ${
          describe(child)
        }`,
      );
    }
    this.#children.set(name, child);
    return this;
  }

  /**
   * Removes a child.
   *
   * @returns whether the child was there.
   */
  removeChild(name: string): boolean {
    return this.#children.delete(name);
  }

  /**
   * Returns the child for a segment for which no child was put. Override it.
   *
   * @param _name The segment, decoded.
   * @param _request The request; `postpath` has the segments that follow.
   * @returns the child, or a promise of it. Undefined, the default, leads to a 404.
   */
  getChild(
    _name: string,
    _request: SiteRequest,
  ): Resource | undefined | Promise<Resource | undefined> {
    return undefined;
  }

  /**
   * Returns the child that was put here under the name, or else calls `getChild`.
   */
  getChildWithDefault(
    name: string,
    request: SiteRequest,
  ): Resource | undefined | Promise<Resource | undefined> {
    return this.#children.get(name) ?? this.getChild(name, request);
  }

  /** Returns the names of the children, in the order in which they were put. */
  listNames(): string[] {
    return [...this.#children.keys()];
  }

  /**
   * Renders the response by the `render_` method of the request's HTTP method.
   *
   * By default HEAD calls `render_GET`, whose body is not sent, and OPTIONS
   * returns a 204 with the methods of the resource.
   *
   * @returns text (HTML unless the type is set), bytes, a stream, a Response, or
   * a promise of one.
   * @throws {UnsupportedMethod} If the resource does not render the method.
   */
  render(request: SiteRequest): Rendered | Promise<Rendered> {
    const { method } = request;
    // Nearly all requests are GET.
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

  /** Responds to GET, and to HEAD if there is no `render_HEAD`. */
  render_GET?(request: SiteRequest): Rendered | Promise<Rendered>;
  /** Responds to HEAD; a body is not sent. */
  render_HEAD?(request: SiteRequest): Rendered | Promise<Rendered>;
  /** Responds to POST. */
  render_POST?(request: SiteRequest): Rendered | Promise<Rendered>;
  /** Responds to PUT. */
  render_PUT?(request: SiteRequest): Rendered | Promise<Rendered>;
  /** Responds to PATCH. */
  render_PATCH?(request: SiteRequest): Rendered | Promise<Rendered>;
  /** Responds to DELETE. */
  render_DELETE?(request: SiteRequest): Rendered | Promise<Rendered>;
  /** Responds to OPTIONS. */
  render_OPTIONS?(request: SiteRequest): Rendered | Promise<Rendered>;

  #renderMethod(method: string): RenderMethod | undefined {
    const render: unknown = Reflect.get(this, `render_${method}`);
    return typeof render === "function" ? render as RenderMethod : undefined;
  }

  #methods(): string[] {
    const methods: string[] = [];
    // for-in omits methods of classes, which are not enumerable.
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
