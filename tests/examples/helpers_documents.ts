/**
 * The documents that tests read.
 *
 * @module
 */

import { ROOT } from "../helpers_process.ts";

/** Folders of other programs, and of the machine. */
const NOT_OURS = /^(\..*|node_modules|scratch)$/;

/** Returns all documents by their paths in the checkout. */
export function readDocuments(): Map<string, string> {
  return new Map(
    pathsIn("").map((path) => [
      path,
      Deno.readTextFileSync(new URL(path, ROOT)),
    ]),
  );
}

function pathsIn(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap((entry) => {
    const path = folder + entry.name;
    if (NOT_OURS.test(entry.name)) return [];
    if (entry.isDirectory) return pathsIn(`${path}/`);
    return path.endsWith(".md") ? [path] : [];
  });
}
