/**
 * The program: serves a folder of files and scripts, with sessions.
 *
 * ```sh
 * deno run --allow-net --allow-read jsr:@curfew/web/cli serve --path ./site
 * ```
 *
 * What is in the folder is served as it is, `index.html` for the folder itself,
 * and what its `*.resource.ts` and `*.resource.js` scripts export as
 * `ScriptDirectory` says. `--help` tells the options. A script imports Curfew as
 * the program was run, `jsr:@curfew/web`, in the same version.
 *
 * `-P` stands for the permissions in a `deno.json` that sets them, as Curfew's
 * own does:
 *
 * ```json
 * { "permissions": { "default": { "net": true, "read": true } } }
 * ```
 *
 * On Ctrl-C it lets running requests finish, ends the sessions, and exits with
 * 0. It exits with 1 if it cannot serve, and with 2 if it is not understood.
 *
 * From Twisted's `twist web`.
 *
 * @module
 */

import config from "./deno.json" with { type: "json" };
import {
  helpText,
  parseCommandLine,
  type ServeOptions,
  UsageError,
} from "./internal/cli_options.ts";
import { describe } from "./internal/describe.ts";
import { listen } from "./listen.ts";
import { ScriptDirectory } from "./resources/script_directory.ts";
import { StaticFile } from "./resources/static_file.ts";
import { Session } from "./session.ts";
import { Site, type SiteOptions } from "./site.ts";

/**
 * Runs the program.
 *
 * It says on the console what cannot be done, and where it listens.
 *
 * @param args The command line, as in `Deno.args`.
 * @returns the exit code, once all is done: 0 if all went well, 1 if it could
 * not be done, 2 if the command line makes no sense.
 *
 * @example Usage
 * ```ts
 * import { main } from "@curfew/web/cli";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await main(["--version"]), 0);
 * ```
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseCommandLine(args);
    if (options === "help") console.log(helpText());
    else if (options === "version") console.log(`curfew ${config.version}`);
    else await serve(options);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof CannotServeError)) {
      throw error;
    }
    console.error(error.message);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** The system does not allow it. */
class CannotServeError extends Error {}

/** Serves until the signal to stop. */
async function serve(options: ServeOptions): Promise<void> {
  const { path, endpoints, indexNames, listing, accessLog } = options;
  checkFolder(path);
  using log = accessLog === undefined ? undefined : openLog(accessLog);
  const files = new StaticFile(path, { indexNames, listing });
  const siteOptions: SiteOptions = {
    displayTracebacks: options.displayTracebacks,
    trustProxy: options.trustProxy,
  };
  if (log !== undefined) siteOptions.accessLog = log.write;
  await using site = new Site(
    new ScriptDirectory(path, { fallback: files }),
    siteOptions,
  );
  const { sessionTimeout } = options;
  if (sessionTimeout !== undefined) {
    site.sessionFactory = class extends Session {
      override sessionTimeout = sessionTimeout;
    };
  }
}
