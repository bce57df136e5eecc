/**
 * Files and folders as resources.
 *
 * @module
 */

import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { eTag } from "@std/http/etag";
import { contentType } from "@std/media-types/content-type";
import { FileTree, type FoundFile, isAbsent, isDenied } from "./file_tree.ts";
import { bodyOf } from "./open_file.ts";
import { checkOptions } from "../../base/options.ts";
import { HttpError } from "../../http/http_error.ts";
import { pathOf } from "../../http/path.ts";
import { type EncodedFile, openEncoded } from "./precompressed.ts";
import { sendRepresentation } from "./representation.ts";
import {
  STATIC_FILE_RULES,
  type StaticFileOptions,
} from "./static_file_options.ts";
import type { Rendered, SiteRequest } from "../../request.ts";
import { type RenderMethod, Resource } from "../../resource.ts";
import { directoryPage } from "./directory_page.ts";
import { forbidden, notFound } from "../pages.ts";

/**
 * A file, or a folder with everything below it.
 *
 * It serves GET and HEAD, with `ETag` and `Last-Modified` and their conditions,
 * with one or several ranges, and with the media type of the extension, or
 * `application/octet-stream` if that is unknown. Browsers may not guess another
 * type: `X-Content-Type-Options` is `nosniff`, unless it is set. A folder's URL ends with a slash; a URL without it is
 * redirected. An absent file is a 404, a file without permission to read a 403.
 *
 * Nothing outside the folder is served. Names that are not plain names of an
 * entry, such as `..` or names with an encoded slash or a backslash, are absent. A
 * child that was put with `putChild` takes precedence over a file of that name.
 *
 * A file is opened once for a request, and read as fast as the client receives it.
 * If it is replaced or grows meanwhile, the client gets the file as it was opened.
 * If it is cut short, the response breaks, and the error is reported.
 *
 * The entity tag consists of the size and the time of the last change. So a file
 * that replaces another of the same size must have a new time.
 *
 * From Twisted's `twisted.web.static.File`. There symbolic links and hidden files
 * are served, folders always listed, and unknown types are HTML.
 *
 * @example Usage
 * ```ts ignore
 * import { listen, Resource, Site } from "@curfew/web";
 * import { StaticFile } from "@curfew/web/static";
 *
 * const root = new StaticFile("./public", { defaultExtensions: [".html"] });
 * root.putChild("photos", new StaticFile("/srv/photos", { listing: true }));
 * listen(new Site(root), "tcp:8080");
 * ```
 */
export class StaticFile extends Resource {
  /** False: the resource does not use the session. */
  override usesSession: boolean = false;
  readonly #tree: FileTree;
  readonly #options: Readonly<StaticFileOptions>;

  /**
   * Makes the resource. Checks that the file or folder exists; it is read later.
   *
   * @param path A path, relative to the current working directory, or a `file:`
   * URL, such as `new URL("./public", import.meta.url)`.
   * @param options How to serve it.
   * @throws {Error} If it does not exist or may not be read. The class is that of
   * Deno's error, `Deno.errors.NotFound` for example. The message names the path.
   * @throws {TypeError} If it is neither a file nor a folder, if the URL is not a
   * `file:` URL, or if an option is of the wrong kind or unknown.
   * @throws {RangeError} If `cacheControl` cannot be in a header, a default extension
   * does not begin with a dot, or an index name leads to another folder.
   */
  constructor(path: string | URL, options: StaticFileOptions = {}) {
    super();
    checkRoot(path);
    checkOptions(`serve "${path}"`, options, STATIC_FILE_RULES);
    const { dotFiles = false, followSymlinks = false, hidden } = options;
    const root = path instanceof URL ? fileURLToPath(path) : path;
    this.#tree = new FileTree(root, { dotFiles, followSymlinks, hidden });
    this.#options = { ...options };
  }

  /** Returns the file or folder at the rest of the path. */
  override getChild(
    name: string,
    request: SiteRequest,
  ): Promise<Resource | undefined> {
    return this.#find([name, ...request.postpath], request);
  }

  /** Serves GET and HEAD for the file or folder itself. */
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
        // This resource may be the child "", which no segment follows.
        return hasSlash || pathOf(request.request.url).endsWith("/")
          ? await this.#openFolder(found, names)
          : new Page(addSlash);
      }
      if (found === undefined || hasSlash) return undefined;
      return this.#pageOf(found);
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
    if (index !== undefined) return this.#pageOf(index);
    if (!listing) return undefined;
    const entries = await this.#tree.list(folder.path);
    return new Page(({ prepath, postpath }) =>
      directoryPage(`/${[...prepath, ...postpath].join("/")}`, entries, {
        hasParent: names.length > 0,
      })
    );
  }

  #pageOf(found: FoundFile): Resource {
    return new Page(async (request) => {
      const opened = await this.#open(found, request);
      const type = contentType(extname(found.path));
      return this.#send(opened, { request, type });
    });
  }

  /**
   * @throws {HttpError} 404 if the file is gone, 403 if it may not be read.
   */
  async #open(
    found: FoundFile,
    { headers }: SiteRequest,
  ): Promise<EncodedFile> {
    const { precompressed = true } = this.#options;
    try {
      const opened = await openEncoded(this.#tree, found, {
        accepted: precompressed ? headers : undefined,
      });
      if (opened !== undefined) return opened;
    } catch (error) {
      if (isDenied(error)) {
        throw new HttpError(403, "You do not have access to this page.");
      }
      if (!isAbsent(error)) throw error;
    }
    throw new HttpError(404, "There is nothing at this address.");
  }

  async #send(
    { file, encoding, isNegotiated }: EncodedFile,
    { request, type }: { request: SiteRequest; type: string | undefined },
  ): Promise<Rendered> {
    const { cacheControl } = this.#options;
    let isSent = false;
    try {
      const tag = await eTag(file.info, { weak: false });
      if (cacheControl !== undefined) {
        request.setHeader("cache-control", cacheControl);
      }
      if (isNegotiated) {
        request.responseHeaders.append("vary", "accept-encoding");
      }
      return await sendRepresentation(request, {
        size: file.info.size,
        type: type ?? "application/octet-stream",
        encoding,
        // A copy may have the same size and time as its file.
        etag: encoding === undefined
          ? tag
          : tag?.replace(/"$/, `-${encoding}"`),
        modified: file.info.mtime ?? undefined,
        read: (pieces) => {
          isSent = true;
          return bodyOf(file, pieces);
        },
      });
    } finally {
      // A 304, a HEAD and an error send nothing of the file.
      if (!isSent) file[Symbol.dispose]();
    }
  }
}

/** A resource that was found at the end of a path. */
class Page extends Resource {
  override usesSession = false;
  override isLeaf = true;
  override readonly render_GET: RenderMethod;

  constructor(render: RenderMethod) {
    super();
    this.render_GET = render;
  }
}

/**
 * Redirects to the URL with a slash, which relative links of a folder's page need.
 *
 * The Location is relative, so a path that begins with two slashes cannot lead to
 * another host, and a proxy may serve the folder at another path.
 */
function addSlash(request: SiteRequest): Response {
  const { url } = request.request;
  const path = pathOf(url);
  const [, query = ""] = /^[^?#]*(\?[^#]*)/.exec(url) ?? [];
  return request.redirect(
    `./${path.slice(path.lastIndexOf("/") + 1)}/${query}`,
  );
}

/** Throws if the root does not exist now, or is neither a file nor a folder. */
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
