import { join } from "node:path";
import { isInUse } from "../../base/files_in_use.ts";

/** The rules for the paths of a tree of files. */
export interface FileRules {
  /** Whether names that begin with a dot are found. */
  readonly dotFiles: boolean;
  /** Whether symbolic links are followed, out of the tree too. */
  readonly followSymlinks: boolean;
  /** Matches names of files and folders that are not found. */
  readonly hidden?: RegExp | undefined;
}

/** A file or a folder. */
export interface FoundFile {
  readonly path: string;
  readonly info: Deno.FileInfo;
}

/** Matches names that do not lead to an entry of the folder. */
const STRAYING = /^\.{0,2}$|[/\\\0]/;

/**
 * Matches names that Windows reads as other names: drives, streams, devices,
 * short names (`PROGRA~1`, and so `ENV~1` for `.env`), and names whose end it drops.
 */
const STRAYING_ON_WINDOWS =
  /[<>:"|?*~]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** Returns whether a name can only be that of an entry of its folder. */
export function isPlainName(
  name: string,
  os: typeof Deno.build.os = Deno.build.os,
): boolean {
  return !STRAYING.test(name) &&
    !(os === "windows" && STRAYING_ON_WINDOWS.test(name));
}

/**
 * The files below a folder, or a single file.
 *
 * Each name is looked up in one folder. No name leads out of that folder, and
 * neither does a symbolic link, unless links are followed. The root may be a link.
 */
export class FileTree {
  readonly #root: string;
  readonly #rules: FileRules;

  constructor(root: string, rules: FileRules) {
    this.#root = root;
    this.#rules = rules;
  }

  /**
   * Finds the entry at the end of the names, each in the folder of the name before.
   *
   * @returns undefined if there is no entry, or the rules hide it.
   * @throws {Deno.errors.PermissionDenied} If a folder on the way may not be
   * entered, or `NotCapable` if Deno forbids it.
   */
  async find(names: readonly string[]): Promise<FoundFile | undefined> {
    if (!names.every((name) => this.#hasName(name))) return undefined;
    // The root is examined only if it is asked for: nothing is below a file.
    let found = names.length === 0 ? await look(this.#root, true) : undefined;
    let path = this.#root;
    for (const name of names) {
      if (found !== undefined && !found.info.isDirectory) return undefined;
      path = join(path, name);
      found = await this.lookAt(path);
      if (found === undefined) return undefined;
    }
    return found;
  }

  /** Finds the entry at a path inside the tree, as {@linkcode FileTree.find} does. */
  lookAt(path: string): Promise<FoundFile | undefined> {
    return look(path, this.#rules.followSymlinks);
  }

  /** Lists a folder of the tree, in no order, without entries that cannot be examined. */
  async list(folder: string): Promise<FoundFile[]> {
    const looks: Promise<FoundFile | undefined>[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      if (!this.#hasName(name)) continue;
      looks.push(this.lookAt(join(folder, name)).catch(() => undefined));
    }
    const found = await Promise.all(looks);
    return found.filter((entry) => entry !== undefined);
  }

  #hasName(name: string): boolean {
    const { dotFiles, hidden } = this.#rules;
    return isPlainName(name) && (dotFiles || !name.startsWith(".")) &&
      // Unlike test(), search() ignores the lastIndex of a global RegExp.
      (hidden === undefined || name.search(hidden) === -1);
  }
}

/** Returns whether an error says that a file may not be read. */
export function isDenied(error: unknown): boolean {
  return error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotCapable;
}

/** Returns whether an error says that a file does not exist, or cannot exist. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.FilesystemLoop ||
    // Deno has no class for this error.
    (error instanceof Error && "code" in error &&
      error.code === "ENAMETOOLONG");
}

/**
 * Finds a file or folder.
 *
 * Ignores other kinds, since opening a pipe would wait forever, and the database
 * of a store, which would lose its locks if it were opened and closed.
 */
async function look(
  path: string,
  followSymlinks: boolean,
): Promise<FoundFile | undefined> {
  try {
    const info = await (followSymlinks ? Deno.stat(path) : Deno.lstat(path));
    const isFound = info.isDirectory || info.isFile && !isInUse(info);
    return isFound ? { path, info } : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
