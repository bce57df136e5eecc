import { FileTree, type FoundFile } from "./file_tree.ts";

/** A script that was found. */
export interface Script {
  /** Its path, without symbolic links. */
  readonly path: string;
  /** Changes when the file does. */
  readonly version: string;
  /** How many names, after the first, lead to it. */
  readonly depth: number;
}

/** What a script's name ends with, in the order in which they are looked for. */
const EXTENSIONS: readonly string[] = [".resource.ts", ".resource.js"];

/** The scripts below a folder; hidden files and symbolic links are not there. */
export class ScriptTree {
  readonly #files: FileTree;

  constructor(root: string) {
    this.#files = new FileTree(root, {
      dotFiles: false,
      followSymlinks: false,
    });
  }

  /**
   * The first script that names lead to, each in the folder of the one before.
   *
   * If all of them are folders, the index of the last: its depth is their number.
   */
  async find(names: readonly string[]): Promise<Script | undefined> {
    for (const [depth, name] of names.entries()) {
      const folder = names.slice(0, depth);
      const script = await this.#open(folder, name || "index");
      if (script !== undefined) return { ...script, depth };
      const next = await this.#look([...folder, name]);
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
      const found = await this.#look([...folder, name + extension]);
      if (!found?.info.isFile) continue;
      const { mtime, size } = found.info;
      return {
        path: await Deno.realPath(found.path),
        version: `mtime=${mtime?.getTime()}&size=${size}`,
      };
    }
    return undefined;
  }

  /** What may not be entered has no scripts: a fallback can say so. */
  async #look(names: readonly string[]): Promise<FoundFile | undefined> {
    try {
      return await this.#files.find(names);
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied) return undefined;
      throw error;
    }
  }
}
