/**
 * Resources that are modules in a folder, loaded when they are asked for.
 *
 * @module
 */

import { fileURLToPath, pathToFileURL } from "node:url";
import { describe } from "../internal/describe.ts";
import { type Script, ScriptTree } from "../internal/script_tree.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { notFound } from "./pages.ts";

/** How a {@linkcode ScriptDirectory} is to be. */
export interface ScriptDirectoryOptions {
  /**
   * What answers where there is no script, from the same place in the tree: a
   * `StaticFile` of the same folder, for example.
   *
   * It is never asked for a script or another TypeScript file, so that it cannot
   * give away sources; have it list none either, by
   * `hidden: ScriptDirectory.sources`. JavaScript that visitors may not see does
   * not belong in a folder that it serves.
   *
   * @default {nothing: 404}
   */
  fallback?: Resource;
}

/** Names of sources; file systems may ignore case, and dots or spaces at the end. */
const SOURCE = /\.resource\b|\.[cm]?tsx?[. ]*$/i;

/**
 * A folder whose scripts are resources: `/clock` is what `clock.resource.ts`
 * exports as `resource`.
 *
 * A script is `NAME.resource.ts` or else `NAME.resource.js`; `/shop/cart` is
 * `shop/cart.resource.ts`, and `index.resource.ts` is its folder, as `/` or
 * `/shop/`. Without the slash, a visitor of a folder that has an index is sent
 * there. What comes after a script's name is for its resource: `/clock/utc` is
 * that resource's child. A script goes before a folder of the same name, and a
 * child that was put here before both.
 *
 * A script is loaded when first asked for, once for all who ask at the same time,
 * and its resource is kept with all its state until the file changes (its size,
 * or the time of its last change). The modules that a script imports are loaded
 * once in the life of the process, even if they are broken. Old versions stay in
 * memory: this is for development and for sites that seldom change.
 *
 * The export has to be a Resource of the `@curfew/web` that serves it, in the
 * same version. A script that cannot be loaded, or has no such export, is
 * answered with 500 and reported, until it is mended.
 *
 * No other file is served, nothing outside the folder, nothing whose name begins
 * with a dot, and no symbolic link is followed; the folder itself may be one. It
 * takes the permission to read the folder.
 *
 * From Twisted's `twisted.web.script.ResourceScriptDirectory`, where an `.rpy` is
 * run for each request.
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
 * @example Serving it, as `/clock`
 * ```ts ignore
 * import { listen, ScriptDirectory, Site } from "@curfew/web";
 *
 * listen(new Site(new ScriptDirectory("site")), "tcp:8080");
 * ```
 */
export class ScriptDirectory extends Resource {
  /**
   * Names of scripts and other TypeScript files, which are never served: a
   * `StaticFile` that lists the same folder takes it as `hidden`.
   */
  static readonly sources: RegExp = SOURCE;

  readonly #scripts: ScriptTree;
  readonly #fallback: Resource | undefined;

  /**
   * Makes the resource; the folder is not looked at until requests come.
   *
   * @param path The folder, or a `file:` URL of it.
   * @param options How it is to be.
   * @throws {TypeError} If the path is neither a path nor a `file:` URL, or the
   * fallback no Resource.
   */
  constructor(path: string | URL, options: ScriptDirectoryOptions = {}) {
    super();
    const { fallback } = options;
    if (fallback !== undefined && !(fallback instanceof Resource)) {
      throw new TypeError(
        `Cannot serve scripts: the fallback is not a Resource: ${
          describe(fallback)
        }`,
      );
    }
    if (typeof path !== "string" && !(path instanceof URL)) {
      throw new TypeError(
        `Cannot serve scripts: the folder is not a path: ${describe(path)}`,
      );
    }
    this.#scripts = new ScriptTree(
      typeof path === "string" ? path : fileURLToPath(path),
    );
    this.#fallback = fallback;
  }

  /**
   * The resource of a script, which may be further down the path, or what the
   * fallback has.
   *
   * @throws {Error} If the script cannot be loaded, for the reason in `cause`.
   * @throws {TypeError} If it exports no Resource as `resource`.
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
      return script.depth === names.length
        ? new SlashRedirect()
        : await loadResource(script);
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

  /** Sends whoever asks for the folder without a slash to where its index is. */
  override async render(request: SiteRequest): Promise<Rendered> {
    // It may have been put as the child "", which no segment follows.
    if (request.prepath.at(-1) !== "") return addSlash(request);
    const index = await this.getChild("", request) ?? notFound();
    return index.render(request);
  }
}

/** A folder's address without its slash, which relative links of its index need. */
class SlashRedirect extends Resource {
  override isLeaf = true;

  override render(request: SiteRequest): Response {
    return addSlash(request);
  }
}

/** By 307, which leaves the method as it is: a form may be sent to an index. */
function addSlash(request: SiteRequest): Response {
  return request.redirect(request.childLink("") + request.url.search, 307);
}

/**
 * Loads a script.
 *
 * Deno keeps what it has loaded by its specifier, failures too: a version that
 * is known costs microseconds, and nothing has to be kept here.
 */
async function loadResource({ path, version }: Script): Promise<Resource> {
  const name = `script ${describe(path)}`;
  let exported: { readonly resource?: unknown };
  try {
    exported = await import(`${pathToFileURL(path)}?${version}`);
  } catch (cause) {
    throw new Error(
      `Cannot load ${name}: it failed before it could export a Resource as "resource"`,
      { cause },
    );
  }
  const { resource } = exported;
  if (resource instanceof Resource) return resource;
  throw new TypeError(
    "resource" in exported
      ? `Cannot load ${name}: its export "resource" is not a Resource: ${
        describe(resource)
      }`
      : `Cannot load ${name}: it does not export a Resource as "resource"`,
  );
}
