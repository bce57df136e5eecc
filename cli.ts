/**
 * The program: serves a folder of files and scripts, with sessions, and manages the
 * sessions that a site has in a store.
 *
 * ```sh
 * deno run --allow-net --allow-read jsr:@curfew/web/cli serve --path ./site
 * deno run --allow-read --allow-write jsr:@curfew/web/cli sessions list --store sqlite:./sessions.db
 * ```
 *
 * `serve` serves the files of the folder, and the resources that its scripts
 * export: `clock.resource.ts` as `/clock`, as `ScriptDirectory` describes. Scripts
 * import Curfew by the name and version with which the program was started. A log
 * file or a Unix socket needs `--allow-write` too, and scripts may need more. If the
 * `deno.json` has a set of permissions, as Curfew's own has, `-P` grants them. Ctrl-C
 * lets running requests finish, and ends the sessions.
 *
 * `sessions` lists, shows and ends sessions, and lists, retries and deletes dead
 * letters, in SQLite, Redis or PostgreSQL. It loads the client of a server,
 * `npm:redis` or `npm:pg`, only for such a store.
 *
 * `--help` lists the options of each command. The program exits with 0 after
 * success, with 1 after a failure, and with 2 if the command line is not valid.
 *
 * `serve` is from Twisted's `twist web`.
 *
 * @module
 */

import config from "./deno.json" with { type: "json" };
import { manageSessions } from "./commands/manage_sessions.ts";
import { parseCommandLine, type ServeOptions } from "./program/cli_options.ts";
import { UsageError } from "./program/command_line.ts";
import { describe, visible } from "./base/describe.ts";
import { type HttpServer, listen } from "./listen.ts";
import { ScriptDirectory } from "./resources/script_directory.ts";
import { StaticFile } from "./resources/files/static_file.ts";
import { Session } from "./session.ts";
import type { SessionFactory } from "./sessions.ts";
import { Site } from "./site.ts";
import type { SiteOptions } from "./site/site_options.ts";

/**
 * Runs the program.
 *
 * Prints errors and the addresses to the console.
 *
 * @param args The command line, as in `Deno.args`.
 * @returns the exit code when the program has finished: 0 after success, 1 after
 * a failure, 2 if the command line is not valid.
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
    const task = parseCommandLine(args);
    switch (task.act) {
      case "print":
        console.log(task.text);
        return 0;
      case "print version":
        console.log(`curfew ${config.version}`);
        return 0;
      case "serve":
        await serve(task.options);
        return 0;
      case "sessions":
        return await manageSessions(task.options) ? 0 : 1;
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isUsage = error instanceof UsageError;
    console.error(visible(error.message) + (isUsage ? "; see --help" : ""));
    return isUsage ? 2 : 1;
  }
}

/** Serves until a signal stops the program. */
async function serve(options: ServeOptions): Promise<void> {
  const { path, endpoints, indexNames, listing } = options;
  const { accessLog, sessionTimeout, displayTracebacks, trustProxy } = options;
  const files = new StaticFile(path, {
    indexNames,
    listing,
    hidden: ScriptDirectory.sources,
  });
  if (!Deno.statSync(path).isDirectory) {
    throw new TypeError(`Cannot serve ${describe(path)}: it is not a folder`);
  }
  const logFile = accessLog === undefined || accessLog === "-"
    ? undefined
    : openLog(accessLog);
  const siteOptions: SiteOptions = { displayTracebacks, trustProxy };
  if (accessLog !== undefined) siteOptions.accessLog = lineWriter(logFile);
  if (sessionTimeout !== undefined) {
    siteOptions.sessionFactory = sessionsOf(sessionTimeout);
  }
  const root = new ScriptDirectory(path, { fallback: files });
  const site = new Site(root, siteOptions);
  const servers: HttpServer[] = [];
  try {
    for (const endpoint of endpoints) servers.push(listen(site, endpoint));
    await Promise.all(servers.map(({ finished }) => finished));
  } finally {
    await Promise.all(servers.map((server) => server.shutdown()));
    await site.close();
    logFile?.close();
  }
}

/** Returns a class of sessions with a timeout in seconds. */
function sessionsOf(seconds: number): SessionFactory {
  return class extends Session {
    override sessionTimeout = seconds;
  };
}

function openLog(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { append: true, create: true });
  } catch (cause) {
    throw new Error(
      `Cannot open the access log ${describe(path)}: ${
        cause instanceof Error ? cause.message : describe(cause)
      }`,
      { cause },
    );
  }
}

/** Returns a function that writes lines at once, so that none is lost at exit. */
function lineWriter(file: Deno.FsFile | undefined): (line: string) => void {
  if (file === undefined) return (line) => console.log(line);
  const encoder = new TextEncoder();
  return (line) => {
    file.writeSync(encoder.encode(`${line}\n`));
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
