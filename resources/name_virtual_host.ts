/**
 * Several hosts on one site.
 *
 * @module
 */

import { describe } from "../base/describe.ts";
import { hostNameOf, withoutDot } from "../http/connection.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { notFound } from "./pages.ts";
import { giveBackSegment, renderBehind } from "./wrap.ts";

/**
 * A resource with a tree for each host. It serves the tree of the requested host.
 *
 * It takes no segment of the path: the host's resource has the path of this
 * resource, which most often is the root of a site. Children that are put into it
 * are never found.
 *
 * The host comes from the `Host` header, or from the nearest proxy if the site has
 * `trustProxy`. Case, port and a dot at the end are ignored. A request gets a 400
 * if its host is not valid or would change the path of the URL.
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
  /** False: the resource does not use the session. */
  override usesSession: boolean = false;
  /** The resource of all other hosts; undefined leads to a 404. */
  default: Resource | undefined;

  readonly #hosts = new Map<string, Resource>();

  /**
   * Makes a resource without hosts.
   *
   * @param defaultResource The resource of all other hosts; without it they get
   * a 404.
   */
  constructor(defaultResource?: Resource) {
    super();
    this.default = defaultResource;
  }

  /**
   * Adds a host, and replaces a host of the same name.
   *
   * @param name The host's name without a port, as in a URL (an IPv6 address in
   * brackets) or in Unicode.
   * @param resource The root of the host's tree.
   * @returns this resource.
   * @throws {TypeError} If the resource is not a Resource.
   * @throws {SyntaxError} If the name is not a valid host.
   */
  addHost(name: string, resource: Resource): this {
    if (!(resource instanceof Resource)) {
      throw new TypeError(
        `Cannot add host ${describe(name)}: the resource is not a Resource: ${
          describe(resource)
        }`,
      );
    }
    this.#hosts.set(parseName(name), resource);
    return this;
  }

  /**
   * Removes a host.
   *
   * @param name As for {@linkcode NameVirtualHost.addHost}.
   * @returns whether the host was there.
   * @throws {SyntaxError} If the name is not a valid host.
   */
  removeHost(name: string): boolean {
    return this.#hosts.delete(parseName(name));
  }

  /** Returns the host's resource, from which the walk continues. */
  override getChildWithDefault(
    _name: string,
    request: SiteRequest,
  ): Resource | undefined {
    giveBackSegment(request);
    return this.#find(request);
  }

  /** Renders the host's resource, if the path ends here. */
  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    return renderBehind(this.#find(request) ?? notFound(), request);
  }

  #find(request: SiteRequest): Resource | undefined {
    const name = withoutDot(request.rootURL.hostname);
    return this.#hosts.get(name) ?? this.default;
  }
}

/** Returns a host's name as the URL of a request spells it. */
function parseName(name: string): string {
  const hostname = hostNameOf(name);
  if (hostname !== undefined) return hostname;
  throw new SyntaxError(
    `Cannot use host ${
      describe(name)
    }: it is not the name of a host without a port`,
  );
}
