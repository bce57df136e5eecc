import { describe } from "../../base/describe.ts";
import { isHeaderValue } from "../../http/header_value.ts";

/** How a {@linkcode StaticFile} serves; every option may be left out. */
export interface StaticFileOptions {
  /**
   * Names of the file that is served for its folder. The first that exists is
   * used.
   *
   * @default {["index.html", "index.htm"]}
   */
  indexNames?: readonly string[];
  /**
   * Whether a folder without an index file is served as a page that lists its
   * entries. Otherwise it is a 404.
   *
   * @default {false}
   */
  listing?: boolean;
  /**
   * Extensions that a URL may leave out: with `[".html"]`, `/page` is served from
   * `page.html` if there is no `page`. The first that leads to a file is used.
   *
   * @default {[]}
   */
  defaultExtensions?: readonly string[];
  /**
   * Whether a client that accepts it gets the compressed copy beside a file:
   * `page.html.br` or `page.html.gz`. A copy that is older than the file is
   * ignored. Requests for ranges get those of the file.
   *
   * @default {true}
   */
  precompressed?: boolean;
  /**
   * `Cache-Control` of the files, for example `"public, max-age=3600"`. Lists of
   * folders and error pages do not get it. Without it browsers guess by the age of
   * the file.
   *
   * @default {undefined}
   */
  cacheControl?: string;
  /**
   * Whether names that begin with a dot are served and listed: `.git` and `.env`
   * too. It is safer to put `.well-known` as a child of its own.
   *
   * @default {false}
   */
  dotFiles?: boolean;
  /**
   * Names of files and folders that are neither served nor listed:
   * `ScriptDirectory.sources` beside a `ScriptDirectory`, for example.
   *
   * @default {undefined}
   */
  hidden?: RegExp;
  /**
   * Whether symbolic links are followed, out of the folder too, and listed.
   * Otherwise they are ignored. The root itself may be a link.
   *
   * @default {false}
   */
  followSymlinks?: boolean;
}

/**
 * Checks the options of a file.
 *
 * @throws {TypeError} If `cacheControl` cannot be in a header, if `hidden` is not
 * a RegExp, or if a default extension does not begin with a dot.
 */
export function checkOptions(
  path: string | URL,
  options: StaticFileOptions,
): void {
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
