import {
  BOOLEAN,
  instanceOf,
  listOf,
  type OptionRules,
  stringThat,
} from "../../base/options.ts";
import { isHeaderValue } from "./representation.ts";
import { isPlainName } from "./file_tree.ts";

/** The options of a {@linkcode StaticFile}; each may be left out. */
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
   * Whether clients get the compressed copy beside a file, if they accept it:
   * `page.html.br`, `page.html.zst` or `page.html.gz`, in this order. A copy that
   * is older than the file is ignored. Requests for ranges get those of the file.
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

/** The rules of {@linkcode StaticFileOptions}. */
export const STATIC_FILE_RULES: OptionRules<StaticFileOptions> = {
  indexNames: listOf(
    "a list of file names",
    stringThat("a file name", isPlainName),
  ),
  listing: BOOLEAN,
  defaultExtensions: listOf(
    "a list of extensions with a dot",
    stringThat("an extension", (value) => value.startsWith(".")),
  ),
  precompressed: BOOLEAN,
  cacheControl: stringThat("a value that a header can have", isHeaderValue),
  dotFiles: BOOLEAN,
  hidden: instanceOf("a RegExp", RegExp),
  followSymlinks: BOOLEAN,
};
