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

/** Finds the scripts below a folder; ignores hidden files and symbolic links. */
export class ScriptTree {
  readonly #files: FileTree;

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
      const { mtime, size } = found.info;
      return {
        path: await Deno.realPath(found.path),
        version: `mtime=${mtime?.getTime()}&size=${size}`,
      };
    }
    return undefined;
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
