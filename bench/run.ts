/**
 * Measures Curfew against servers by hand, and with `--peers` against its peers.
 *
 *     deno task bench
 *     deno task bench:peers
 *
 * @module
 */

import { conduct } from "./conduct.ts";
import { contests } from "./contests.ts";
import { installPeers, peersOf, type Versions } from "./peers.ts";

await conduct({
  section: "peers",
  help:
    `Measures Curfew against servers by hand: hello, session and new, fresh and mixed.

  --peers          install others from npm, and measure them too`,
  async prepare({ hasPeers }, { processes, say }) {
    const versions: Versions = hasPeers
      ? await installPeers(processes, say)
      : {};
    return { versions, contests: contests((name) => peersOf(name, versions)) };
  },
});
