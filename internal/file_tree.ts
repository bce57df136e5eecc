import { join } from "node:path";
import { isInUse } from "./files_in_use.ts";

/** What may be found in a tree of files. */
export interface FileRules {
  /** Whether names that begin with a dot are. */
  readonly dotFiles: boolean;
  /** Whether what symbolic links lead to is, wherever that may be. */
  readonly followSymlinks: boolean;
  /** Names of files and folders that are not. */
  readonly hidden?: RegExp | undefined;
}

/** A file or a folder. */
export interface FoundFile {
  readonly path: string;
  readonly info: Deno.FileInfo;
}

/** Names that lead elsewhere than to an entry of the folder. */
const STRAYING = /^\.{0,2}$|[/\\\0]/;

/**
 * Names that Windows takes for others: of drives, streams and devices, short
 * ones (`PROGRA~1`, and so `ENV~1` for `.env`), and those whose end it drops.
 */
const STRAYING_ON_WINDOWS =
  /[<>:"|?*~]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** Whether a name can only be that of an entry of the folder it is looked up in. */
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
 * A name is looked up in one folder at a time, and neither a name nor, unless
 * they are followed, a symbolic link leads out of it. The root may be a link.
 */
export class FileTree {
  readonly #root: string;
  readonly #rules: FileRules;

  constructor(root: string, rules: FileRules) {
    this.#root = root;
    this.#rules = rules;
  }

  /**
   * What is at the end of the names, each in the folder of the one before.
   *
   * @returns undefined if there is nothing, or nothing that may be found.
   * @throws {Deno.errors.PermissionDenied} If a folder on the way may not be
   * entered, or `NotCapable` where it is Deno that forbids it.
   */
  async find(names: readonly string[]): Promise<FoundFile | undefined> {
    if (!names.every((name) => this.#hasName(name))) return undefined;
    let found = await look(this.#root, true);
    for (const name of names) {
      if (!found?.info.isDirectory) return undefined;
      found = await this.lookAt(join(found.path, name));
    }
    return found;
  }

  /** What is at a path inside the tree; as for {@linkcode FileTree.find}. */
  lookAt(path: string): Promise<FoundFile | undefined> {
    return look(path, this.#rules.followSymlinks);
  }

  /** What is in a folder of the tree, in no order, less what cannot be looked at. */
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
      // Unlike test(), it does not remember where a global one stopped.
      (hidden === undefined || name.search(hidden) === -1);
  }
}

/**
 * Opens a file and closes it again, to see whether it can be read.
 *
 * @throws {Deno.errors.PermissionDenied} If not; see {@linkcode isDenied}.
 */
export async function checkReadable(file: FoundFile): Promise<void> {
  const opened = await Deno.open(file.path);
  opened.close();
}

/** Whether an error says that a file may not be read. */
export function isDenied(error: unknown): boolean {
  return error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotCapable;
}

/** Whether an error says that there is no such file, or cannot be one. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.FilesystemLoop ||
    // Deno has no class for it.
    (error instanceof Error && "code" in error &&
      error.code === "ENAMETOOLONG");
}

/**
 * Passes over what is neither file nor folder, for opening a pipe would wait for
 * ever, and over the database of a store, which would lose its locks.
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
