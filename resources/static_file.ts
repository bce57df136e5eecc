/**
 * Files that are served from a disk.
 *
 * @module
 */

import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { eTag } from "@std/http/etag";
import { contentType } from "@std/media-types/content-type";
import { describe } from "../internal/describe.ts";
import {
  checkReadable,
  FileTree,
  type FoundFile,
  isAbsent,
  isDenied,
} from "../internal/file_tree.ts";
import { streamFile } from "../internal/file_stream.ts";
import { isHeaderValue } from "../internal/header_value.ts";
import { pathOf } from "../internal/path.ts";
import { pickEncoding } from "../internal/precompressed.ts";
import { sendRepresentation } from "../internal/representation.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { type RenderMethod, Resource } from "../resource.ts";
import { directoryPage } from "./directory_page.ts";
import { forbidden, notFound } from "./pages.ts";

/** How a {@linkcode StaticFile} serves; everything may be left out. */
export interface StaticFileOptions {
  /**
   * Names of the file that is served for the folder that it is in, the first
   * that is there.
   *
   * @default {["index.html", "index.htm"]}
   */
  indexNames?: readonly string[];
  /**
   * Whether a folder without such a file is answered with a page that lists
   * what is in it. Otherwise it is a 404.
   *
   * @default {false}
   */
  listing?: boolean;
  /**
   * Extensions that a URL may leave out: with `[".html"]`, `/page` is served from
   * `page.html` if there is no `page`. The first that leads to a file is taken.
   *
   * @default {[]}
   */
  defaultExtensions?: readonly string[];
  /**
   * Whether a visitor who accepts it gets, in place of a file, the compressed
   * copy beside it: `page.html.br` or `page.html.gz`. A copy that is older than
   * the file is passed over, and who asks for ranges gets those of the file.
   *
   * @default {true}
   */
  precompressed?: boolean;
  /**
   * `Cache-Control` of the files, for example `"public, max-age=3600"`; pages
   * that list a folder or say what is wrong do not have it.
   *
   * @default {none: browsers guess by the age of the file}
   */
  cacheControl?: string;
  /**
   * Whether names that begin with a dot are served and listed: `.git` and `.env`
   * as well as `.well-known`, which had better be put as a child of its own.
   *
   * @default {false}
   */
  dotFiles?: boolean;
  /**
   * Names of files and folders that are neither served nor listed:
   * `ScriptDirectory.sources` beside a `ScriptDirectory`, for example.
   *
   * @default {none}
   */
  hidden?: RegExp;
  /**
   * Whether symbolic links are followed, out of the folder too, and listed.
   * Otherwise it is as if they were not there. The root itself may be one.
   *
   * @default {false}
   */
  followSymlinks?: boolean;
}

/**
 * A file, or a folder with all that is below it.
 *
 * It answers GET and HEAD: with `ETag` and `Last-Modified` and the conditions
 * that go with them, one or several ranges, and the media type by the extension,
 * `application/octet-stream` if that is not known. A file is read as fast as the
 * visitor takes it. A folder's URL ends with a slash; one without is redirected.
 * What is not there is the site's 404, what may not be read a 403.
 *
 * Nothing outside the folder is served: names that are no plain names of an
 * entry, such as `..` or those with an encoded slash or a backslash, are not
 * there. A child that was put with `putChild` goes before a file of that name.
 *
 * The entity tag is made of the size and the time of the last change. Files that
 * are replaced by others of the same size must not keep their time.
 *
 * From Twisted's `twisted.web.static.File`. There symbolic links and hidden files
 * are served, folders always listed, and unknown types are HTML.
 *
 * @example Usage
 * ```ts ignore
 * import { listen, Resource, Site, StaticFile } from "@curfew/web";
 *
 * const root = new StaticFile("./public", { defaultExtensions: [".html"] });
 * root.putChild("photos", new StaticFile("/srv/photos", { listing: true }));
 * listen(new Site(root), "tcp:8080");
 * ```
 */
export class StaticFile extends Resource {
  readonly #tree: FileTree;
  readonly #options: Readonly<StaticFileOptions>;

  /**
   * Looks whether the file or folder is there; reading it comes later.
   *
   * @param path Where it is: a path, taken from the working directory of the
   * moment, or a `file:` URL, such as `new URL("./public", import.meta.url)`.
   * @param options How it is served.
   * @throws {Error} If there is nothing, or it may not be read; of the class that
   * Deno throws, `Deno.errors.NotFound` for example. It names the path.
   * @throws {TypeError} If it is neither a file nor a folder, if the URL is not a
   * `file:` one, if `cacheControl` cannot be in a header, if `hidden` is no
   * RegExp, or if a default extension does not begin with a dot.
   */
  constructor(path: string | URL, options: StaticFileOptions = {}) {
    super();
    checkRoot(path);
    checkOptions(path, options);
    const { dotFiles = false, followSymlinks = false, hidden } = options;
    const root = path instanceof URL ? fileURLToPath(path) : path;
    this.#tree = new FileTree(root, { dotFiles, followSymlinks, hidden });
    this.#options = { ...options };
  }

  /** What is below the folder at the rest of the path. */
  override getChild(
    name: string,
    request: SiteRequest,
  ): Promise<Resource | undefined> {
    return this.#find([name, ...request.postpath], request);
  }

  /** Answers GET and HEAD for the file or folder itself. */
  override async render_GET(request: SiteRequest): Promise<Rendered> {
    const found = await this.#find(request.postpath, request) ?? notFound();
    return found.render(request);
  }

  async #find(
    segments: readonly string[],
    request: SiteRequest,
  ): Promise<Resource | undefined> {
    const hasSlash = segments.at(-1) === "";
    const names = hasSlash ? segments.slice(0, -1) : segments;
    try {
      const found = await this.#tree.find(names) ??
        (hasSlash ? undefined : await this.#findByExtension(names));
      if (found?.info.isDirectory) {
        // It may have been put as the child "", which no segment follows.
        return hasSlash || pathOf(request.request.url).endsWith("/")
          ? await this.#openFolder(found, names)
          : new Page(addSlash);
      }
      if (found === undefined || hasSlash) return undefined;
      return await this.#openFile(found);
    } catch (error) {
      if (isDenied(error)) return forbidden();
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  async #findByExtension(
    names: readonly string[],
  ): Promise<FoundFile | undefined> {
    const name = names.at(-1);
    if (name === undefined) return undefined;
    const { defaultExtensions = [] } = this.#options;
    const candidates = defaultExtensions.map((extension) => name + extension);
    return await this.#firstFile(names.slice(0, -1), candidates);
  }

  async #firstFile(
    folder: readonly string[],
    candidates: readonly string[],
  ): Promise<FoundFile | undefined> {
    for (const name of candidates) {
      const found = await this.#tree.find([...folder, name]);
      if (found?.info.isFile) return found;
    }
    return undefined;
  }

  async #openFolder(
    folder: FoundFile,
    names: readonly string[],
  ): Promise<Resource | undefined> {
    const { indexNames = ["index.html", "index.htm"], listing } = this.#options;
    const index = await this.#firstFile(names, indexNames);
    if (index !== undefined) return await this.#openFile(index);
    if (!listing) return undefined;
    const entries = await this.#tree.list(folder.path);
    return new Page(({ prepath, postpath }) =>
      directoryPage(`/${[...prepath, ...postpath].join("/")}`, entries, {
        hasParent: names.length > 0,
      })
    );
  }

  async #openFile(file: FoundFile): Promise<Resource> {
    await checkReadable(file);
    return new Page((request) => this.#sendFile(file, request));
  }

  async #sendFile(file: FoundFile, request: SiteRequest): Promise<Rendered> {
    const { cacheControl, precompressed = true } = this.#options;
    const sent = precompressed
      ? await pickEncoding(this.#tree, file, request.headers)
      : { ...file, encoding: undefined, isNegotiated: false };
    const { encoding } = sent;
    const tag = await eTag(sent.info, { weak: false });
    if (cacheControl !== undefined) {
      request.setHeader("cache-control", cacheControl);
    }
    if (sent.isNegotiated) {
      request.responseHeaders.append("vary", "accept-encoding");
    }
    return sendRepresentation(request, {
      size: sent.info.size,
      type: contentType(extname(file.path)) ?? "application/octet-stream",
      encoding,
      // A copy may have the size and the time of its file.
      etag: encoding === undefined ? tag : tag?.replace(/"$/, `-${encoding}"`),
      modified: sent.info.mtime ?? undefined,
      read: (pieces) => streamFile(sent, pieces),
    });
  }
}

/** What was found at the end of a path, and how it is answered. */
class Page extends Resource {
  override isLeaf = true;
  override readonly render_GET: RenderMethod;

  constructor(render: RenderMethod) {
    super();
    this.render_GET = render;
  }
}

/**
 * Redirects to the URL with a slash: relative links of a folder's page need it.
 *
 * The Location is relative, so a path that begins with two slashes leads nowhere
 * else, and a proxy may have put the folder elsewhere.
 */
function addSlash(request: SiteRequest): Response {
  const { url } = request.request;
  const path = pathOf(url);
  const [, query = ""] = /^[^?#]*(\?[^#]*)/.exec(url) ?? [];
  return request.redirect(
    `./${path.slice(path.lastIndexOf("/") + 1)}/${query}`,
  );
}

/** Refuses a root that is not there now. */
function checkRoot(path: string | URL): void {
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(path);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const Kind = cause.constructor as ErrorConstructor;
    throw new Kind(`Cannot serve "${path}": ${cause.message}`, { cause });
  }
  if (!info.isFile && !info.isDirectory) {
    throw new TypeError(
      `Cannot serve "${path}": it is neither a file nor a folder`,
    );
  }
}

function checkOptions(path: string | URL, options: StaticFileOptions): void {
  const { cacheControl, defaultExtensions = [], hidden } = options;
  if (hidden !== undefined && !(hidden instanceof RegExp)) {
    throw new TypeError(
      `Cannot serve "${path}": hidden is not a RegExp: ${describe(hidden)}`,
    );
  }
  if (cacheControl !== undefined && !isHeaderValue(cacheControl)) {
    throw new TypeError(
      `Cannot serve "${path}": cacheControl cannot be in a header: ${
        describe(cacheControl)
      }`,
    );
  }
  for (const extension of defaultExtensions) {
    if (extension.startsWith(".")) continue;
    throw new TypeError(
      `Cannot serve "${path}": the default extension has no dot: ${
        describe(extension)
      }`,
    );
  }
}
