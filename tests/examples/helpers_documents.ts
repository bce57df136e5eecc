/**
 * The documents that tests read.
 *
 * @module
 */

import { ROOT } from "../helpers_process.ts";

/** Returns the documents by their paths in the checkout. */
export function readDocuments(): Map<string, string> {
  const documents = new Map<string, string>();
  for (const folder of ["", "docs/", "examples/"]) {
    for (const { name } of Deno.readDirSync(new URL(folder, ROOT))) {
      if (!name.endsWith(".md")) continue;
      const path = folder + name;
      documents.set(path, Deno.readTextFileSync(new URL(path, ROOT)));
    }
  }
  return documents;
}
