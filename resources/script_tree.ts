import { FileTree, type FoundFile } from "./files/file_tree.ts";

/** A script in the folder. */
export interface Script {
  /** The path of the file, without symbolic links. */
  readonly path: string;
  /** A text that changes with the file. */
  readonly version: string;
  /** The number of names that lead to the script, less one. */
  readonly depth: number;
}

/** The endings of a script's name, in the order of precedence. */
const EXTENSIONS: readonly string[] = [".resource.ts", ".resource.js"];

/** A file that was read before. */
interface KnownFile {
  readonly facts: string;
  /** Its text, as long as the file may change without a change of its facts. */
  readonly text: string | undefined;
  /** The number of such changes. */
  readonly number: number;
}

/**
 * Milliseconds after `ctime` from which a change shows in the facts of a file: Deno
 * reads whole seconds of it.
 */
const SETTLED_AFTER = 2000;

/** Finds the scripts below a folder; ignores hidden files and symbolic links. */
export class ScriptTree {
  readonly #files: FileTree;
  readonly #known = new Map<string, KnownFile>();

  constructor(root: string) {
    this.#files = new FileTree(root, {
      dotFiles: false,
      followSymlinks: false,
    });
  }

  /**
   * Returns the first script on the way along names of nested folders.
   *
   * If all names are folders, returns the index of the last one; its depth is the
   * number of names.
   */
  async find(names: readonly string[]): Promise<Script | undefined> {
    for (const [depth, name] of names.entries()) {
      const folder = names.slice(0, depth);
      const script = await this.#open(folder, name || "index");
      if (script !== undefined) return { ...script, depth };
      const next = await this.#find([...folder, name]);
      if (!next?.info.isDirectory) return undefined;
    }
    const index = await this.#open(names, "index");
    return index && { ...index, depth: names.length };
  }

  async #open(
    folder: readonly string[],
    name: string,
  ): Promise<Omit<Script, "depth"> | undefined> {
    for (const extension of EXTENSIONS) {
      const found = await this.#find([...folder, name + extension]);
      if (!found?.info.isFile) continue;
      const path = await Deno.realPath(found.path);
      return { path, version: await this.#versionOf(path, found.info) };
    }
    return undefined;
  }

  /**
   * Returns the version of a file. As long as the file may change within the second
   * of its `ctime`, its text is compared.
   */
  async #versionOf(path: string, info: Deno.FileInfo): Promise<string> {
    const facts = factsOf(info);
    const known = this.#known.get(path);
    const isSame = known?.facts === facts;
    if (isSame && known.text === undefined) return versionOf(known);
    const changedAt = (info.ctime ?? info.mtime)?.getTime() ?? 0;
    const isSettled = Date.now() >= changedAt + SETTLED_AFTER;
    const text = await Deno.readTextFile(path);
    const isNew = isSame && known.text !== text;
    const next = {
      facts,
      text: isSettled ? undefined : text,
      number: (isSame ? known.number : 0) + (isNew ? 1 : 0),
    };
    this.#known.set(path, next);
    return versionOf(next);
  }

  /** Finds a file. A folder without permission has none: the fallback responds. */
  async #find(names: readonly string[]): Promise<FoundFile | undefined> {
    try {
      return await this.#files.find(names);
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied) return undefined;
      throw error;
    }
  }
}

/**
 * Returns a text that changes with a file. Programs can restore the size and the
 * time of the contents, but not the time of the metadata, `ctime`.
 */
function factsOf({ ino, size, ctime, mtime }: Deno.FileInfo): string {
  return `ino=${ino}&size=${size}&ctime=${ctime?.getTime()}&mtime=${mtime?.getTime()}`;
}

function versionOf({ facts, number }: KnownFile): string {
  return number === 0 ? facts : `${facts}&change=${number}`;
}
