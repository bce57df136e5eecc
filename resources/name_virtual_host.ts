/**
 * Several hosts on one site.
 *
 * @module
 */

import { describe } from "../internal/describe.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { notFound } from "./pages.ts";

/**
 * A tree for each host: the one that the visitor asked for is served.
 *
 * It takes no segment of the path: the host's resource stands in its place, as
 * the root of a site most often. Children that are put into it are never found.
 *
 * The host is that of the `Host` header, or what the nearest proxy says where
 * the site has `trustProxy`. Case, port and a dot at the end do not matter. One
 * that is none, or that would move the path in a URL, is answered with 400.
 *
 * From Twisted's `twisted.web.vhost.NameVirtualHost`.
 *
 * @example Usage
 * ```ts
 * import { errorPage, NameVirtualHost, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * const hosts = new NameVirtualHost(errorPage(421, "Elsewhere", "Not here."))
 *   .addHost("tea.example", errorPage(418, "Teapot", "Short and stout."));
 * await using site = new Site(hosts);
 * const tea = await site.fetch(new Request("http://TEA.example:8080/"));
 * assertEquals(tea.status, 418);
 * const other = await site.fetch(new Request("http://coffee.example/"));
 * assertEquals(other.status, 421);
 * ```
 */
export class NameVirtualHost extends Resource {
  /** What is served for a host that was not added; undefined is a 404. */
  default: Resource | undefined;

  readonly #hosts = new Map<string, Resource>();

  /**
   * Makes a resource without hosts.
   *
   * @param defaultResource What is served for a host that was not added; nothing
   * unless told, which is a 404.
   */
  constructor(defaultResource?: Resource) {
    super();
    this.default = defaultResource;
  }

  /**
   * Adds a host, in the place of one of the same name.
   *
   * @param name The host's name without a port, as in a URL (an IPv6 address in
   * brackets) or in Unicode.
   * @param resource What is served for it.
   * @returns this resource.
   * @throws {TypeError} If the resource is not one.
   * @throws {SyntaxError} If no host can have the name.
   */
  addHost(name: string, resource: Resource): this {
    if (!(resource instanceof Resource)) {
      throw new TypeError(
        `Cannot add host ${describe(name)}: not a Resource: ${
          describe(resource)
        }`,
      );
    }
    this.#hosts.set(parseName(name), resource);
    return this;
  }

  /**
   * Takes a host out.
   *
   * @param name As for {@linkcode NameVirtualHost.addHost}.
   * @returns whether there was one.
   * @throws {SyntaxError} If no host can have the name.
   */
  removeHost(name: string): boolean {
    return this.#hosts.delete(parseName(name));
  }

  /** The host's resource, to which the walk goes on with the segment. */
  override getChildWithDefault(
    _name: string,
    request: SiteRequest,
  ): Resource | undefined {
    request.postpath.unshift(request.prepath.pop()!);
    return this.#find(request);
  }

  /** Answers by the host's resource, where the path ends here. */
  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    return (this.#find(request) ?? notFound()).render(request);
  }

  #find(request: SiteRequest): Resource | undefined {
    const name = withoutDot(request.rootURL.hostname);
    return this.#hosts.get(name) ?? this.default;
  }
}

/** A host's name as the URL of a request would spell it. */
function parseName(name: string): string {
  const url = /^(\[[^\]]+\]|[^:/?#\\@\s]+)$/.test(name)
    ? URL.parse(`http://${name}/`)
    : null;
  if (url !== null) return withoutDot(url.hostname);
  throw new SyntaxError(
    `Cannot use host ${describe(name)}: not a host's name without a port`,
  );
}

/** `example.com.` is `example.com`, said from the root of the names. */
function withoutDot(hostname: string): string {
  return hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
}
