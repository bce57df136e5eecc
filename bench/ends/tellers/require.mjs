/**
 * Loads a package from the folder of this benchmark.
 */

import { createRequire } from "node:module";

export const require = createRequire(
  new URL("../../.peers/ends/package.json", import.meta.url),
);
