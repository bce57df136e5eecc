/**
 * Resources from the modules of a folder, loaded when they are requested.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { describe } from "../base/describe.ts";
import {
  ABOVE_ZERO,
  checkOptions,
  instanceOf,
  type OptionRules,
} from "../base/options.ts";
import { ScriptLoader } from "./script_loader.ts";
import { ScriptTree } from "./script_tree.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { HAS_NAMED_CHILD } from "../request/internals.ts";
import { Resource } from "../resource.ts";
import { notFound } from "./pages.ts";
import { renderBehind } from "./wrap.ts";

/** The options of a {@linkcode ScriptDirectory}. */
export interface ScriptDirectoryOptions {
  /**
   * The resource for all requests without a script, at the same path: a
   * `StaticFile` of the same folder, for example.
   *
   * Scripts and other TypeScript files are never requested from it, so that it
   * cannot reveal sources. To remove them from its listings too, give it
   * `hidden: ScriptDirectory.sources`. It serves JavaScript files, so keep secret
   * ones out of the folder. Without a fallback these requests get a 404.
   *
   * @default {undefined}
   */
  fallback?: Resource;
  /**
   * Seconds that a request waits for a script that is being loaded. After that it
   * gets a 503, and other requests get a 503 at once until the script is loaded.
   * The error is reported once for each version of the file.
   *
   * @default {10}
   */
  loadTimeout?: number;
}

const RULES: OptionRules<ScriptDirectoryOptions> = {
  fallback: instanceOf("a Resource", Resource),
  loadTimeout: ABOVE_ZERO,
};

/** Matches names of sources. Some file systems ignore case, and dots or spaces at the end. */
const SOURCE = /\.resource\b|\.[cm]?tsx?[. ]*$/i;

/**
 * A folder with scripts that export resources: `/clock` is the export `resource`
 * of `clock.resource.ts`.
 *
 * A script is named `NAME.resource.ts`, or else `NAME.resource.js`. `/shop/cart` is
 * `shop/cart.resource.ts`. `index.resource.ts` is the page of its folder, `/` or
 * `/shop/`; a request for the folder without the slash is redirected there. The
 * rest of a path belongs to the resource: `/clock/utc` is its child. A script
 * takes precedence over a folder of the same name, and a child that was put here
 * over both.
 *
 * A script is loaded at its first request. Its resource, with its state, is used
 * until the file changes: its inode, its size, or one of the times at which its
 * contents and its metadata changed. The modules that a script
 * imports are loaded once in the life of the process, even if they fail. Old
 * versions stay in memory: this class is for development, and for sites that
 * seldom change.
 *
 * The export, or the default export, must be a Resource of the same version of
 * `@curfew/web` that serves it. In telemetry each script has a route of its own. If
 * a script cannot be loaded or lacks the export, the error is reported and
 * the response is a 500, until the file changes.
 *
 * No other file is served, nothing outside of the folder, and nothing whose name
 * begins with a dot. Symbolic links in the folder are not followed; the folder
 * itself may be one. It needs the permission to read the folder.
 *
 * From Twisted's `twisted.web.script.ResourceScriptDirectory`, which runs an `.rpy`
 * at each request.
 *
 * @example Usage
 * ```ts
 * // site/clock.resource.ts
 * import { Resource } from "@curfew/web";
 *
 * class Clock extends Resource {
 *   override render_GET(): string {
 *     return new Date().toLocaleTimeString();
 *   }
 * }
 *
 * export const resource: Resource = new Clock();
 * ```
 *
 * @example Serve the script as `/clock`
 * ```ts ignore
 * import { listen, Site } from "@curfew/web";
 * import { ScriptDirectory } from "@curfew/web/static";
 *
 * listen(new Site(new ScriptDirectory("site")), "tcp:8080");
 * ```
 */
export class ScriptDirectory extends Resource {
  /**
   * Matches the names of scripts and other TypeScript files, which are never
   * served. Pass it as `hidden` to a `StaticFile` that lists the same folder.
   */
  static readonly sources: RegExp = SOURCE;

  /**
   * False unless the fallback uses the session: each script has a setting of its
   * own.
   */
  override usesSession: boolean = false;

  readonly #scripts: ScriptTree;
  readonly #loader: ScriptLoader;
  /** The resources of scripts that were found. */
  readonly #found = new WeakSet<Resource>();
  readonly #fallback: Resource | undefined;

  /**
   * Makes the resource. The folder is first read at a request.
   *
   * @param path The path of the folder, or its `file:` URL.
   * @throws {TypeError} If the path is neither a path nor a `file:` URL, if the
   * fallback is not a Resource, or if an option is unknown.
   */
  constructor(path: string | URL, options: ScriptDirectoryOptions = {}) {
    super();
    checkOptions("serve scripts", options, RULES);
    if (typeof path !== "string" && !(path instanceof URL)) {
      throw new TypeError(
        `Cannot serve scripts: the folder is not a path: ${describe(path)}`,
      );
    }
    this.#scripts = new ScriptTree(
      typeof path === "string" ? path : fileURLToPath(path),
    );
    this.#loader = new ScriptLoader((options.loadTimeout ?? 10) * 1000);
    this.#fallback = options.fallback;
    this.usesSession = options.fallback?.usesSession ?? false;
  }

  /**
   * Returns the resource of a script, which may be in a folder further down the
   * path, or else a resource of the fallback.
   *
   * @throws {Error} If the script cannot be loaded; `cause` is the reason.
   * @throws {TypeError} If the script does not export a Resource as `resource` or by
   * default.
   * @throws {HttpError} 503 if the script takes too long to load.
   */
  override async getChild(
    name: string,
    request: SiteRequest,
  ): Promise<Resource | undefined> {
    const { prepath, postpath } = request;
    const names = [name, ...postpath];
    const script = await this.#scripts.find(names);
    if (script !== undefined) {
      prepath.push(...postpath.splice(0, script.depth));
      const resource = script.depth === names.length
        ? new SlashRedirect()
        : await this.#loader.load(
          script,
          (error) => request.site.reportError(error, { request }),
        );
      this.#found.add(resource);
      return resource;
    }

    const fallback = this.#fallback;
    if (fallback === undefined || names.some((name) => SOURCE.test(name))) {
      return undefined;
    }
    if (!fallback.isLeaf) return fallback.getChildWithDefault(name, request);
    prepath.pop();
    postpath.unshift(name);
    return fallback;
  }

  /** @ignore */
  [HAS_NAMED_CHILD](child: Resource): boolean {
    return this.#found.has(child);
  }

  /** Redirects a request for the folder without a slash, and renders its index. */
  override async render(request: SiteRequest): Promise<Rendered> {
    // This resource may be the child "", where the path ends with the slash.
    if (request.prepath.at(-1) !== "") return addSlash(request);
    const index = await this.getChild("", request) ?? notFound();
    return renderBehind(index, request);
  }
}

/** Adds the slash to a folder's path, since relative links of its index need it. */
class SlashRedirect extends Resource {
  override usesSession = false;
  override isLeaf = true;

  override render(request: SiteRequest): Response {
    return addSlash(request);
  }
}

/** Redirects by 307, which keeps the method, since a form may post to an index. */
function addSlash(request: SiteRequest): Response {
  return request.redirect(request.childLink("") + request.url.search, 307);
}
