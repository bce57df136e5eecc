/**
 * Loads a package from the folder of the peers. Only the benchmarks have these
 * packages, so this code is neither type-checked nor formatted against them.
 */

import { createRequire } from "node:module";

export const require = createRequire(
  new URL("../.peers/package.json", import.meta.url),
);
