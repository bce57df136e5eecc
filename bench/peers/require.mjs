/**
 * Loads a package from where the harness has put the peers: in no other place
 * of the project is there such a package, and nothing here is checked or
 * formatted against one.
 */

import { createRequire } from "node:module";

export const require = createRequire(
  new URL("../.peers/package.json", import.meta.url),
);
