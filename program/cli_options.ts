import { describe } from "../base/describe.ts";
import {
  type CommandSyntax,
  type Option,
  type Options,
  optionsHelp,
  readCommandLine,
  UsageError,
} from "./command_line.ts";
import { parseEndpoint } from "./endpoint.ts";
import {
  parseSessionsOptions,
  SESSIONS,
  sessionsHelp,
  type SessionsOptions,
} from "./sessions_options.ts";

/** The options of the command `serve`. */
export interface ServeOptions {
  /** The path of the folder. */
  readonly path: string;
  /** Descriptions of endpoints, at least one. */
  readonly endpoints: readonly string[];
  /** Names of index files, at least one. */
  readonly indexNames: readonly string[];
  /** Whether folders without an index file are listed. */
  readonly listing: boolean;
  /** The path of a file, or "-" for stdout. */
  readonly accessLog: string | undefined;
  /** Seconds. */
  readonly sessionTimeout: number | undefined;
  /** Whether responses show errors. */
  readonly displayTracebacks: boolean;
  /** Whether the headers of a reverse proxy are trusted. */
  readonly trustProxy: boolean;
}

const OPTIONS: Options = new Map<string, Option>([
  ["path", { value: "FOLDER", help: ["The folder to serve (default: .)"] }],
  ["listen", {
    value: "ENDPOINT",
    isRepeatable: true,
    help: [
      "Where to listen, repeatable (default: tcp:8080)",
      "  tcp:8080:interface=127.0.0.1",
      "  ssl:8443:cert=cert.pem:key=key.pem",
      "  unix:/run/site.sock",
    ],
  }],
  ["index", {
    value: "NAME",
    isRepeatable: true,
    help: [
      "The index file of a folder, repeatable",
      "(default: index.html, index.htm)",
    ],
  }],
  ["listing", { help: ["List folders without an index file"] }],
  ["access-log", {
    value: "FILE",
    help: ["Log each request to the file; - is stdout"],
  }],
  ["session-timeout", {
    value: "SECONDS",
    help: ["End sessions after this time without access", "(default: 900)"],
  }],
  ["display-tracebacks", {
    help: ["Show errors in responses, for development only"],
  }],
  ["trust-proxy", { help: ["Trust the reverse proxy (X-Forwarded-For)"] }],
]);

/** The parsed command line: what the program is to do. */
export type Task =
  | { readonly act: "print"; readonly text: string }
  | { readonly act: "print version" }
  | { readonly act: "serve"; readonly options: ServeOptions }
  | { readonly act: "sessions"; readonly options: SessionsOptions };

const COMMANDS: ReadonlyMap<string, CommandSyntax> = new Map([
  ["serve", { failure: "Cannot serve", options: OPTIONS }],
  ["sessions", SESSIONS],
]);

/** Returns the output of `serve --help`, at most 80 columns wide. */
function serveHelp(): string {
  return `Usage: curfew serve [OPTIONS]
       curfew sessions COMMAND --store STORE [OPTIONS]

Serves a folder until Ctrl-C: its files, and the resources that its scripts
export. The resource of clock.resource.ts is served as /clock. Names that begin
with a dot are not served. "curfew sessions --help" explains the other command.

Options:
${optionsHelp(OPTIONS)}

Run Deno with --allow-net and --allow-read; for a Unix socket or a log file with
--allow-write too.`;
}

/**
 * Parses a command line.
 *
 * @throws {UsageError} If it is not valid; the message shows the option and the
 * value.
 */
export function parseCommandLine(args: readonly string[]): Task {
  const line = readCommandLine(args, COMMANDS);
  const isSessions = line.command === "sessions";
  if (line.question === "version") return { act: "print version" };
  if (line.question === "help") {
    return { act: "print", text: isSessions ? sessionsHelp() : serveHelp() };
  }
  if (isSessions) {
    return { act: "sessions", options: parseSessionsOptions(line) };
  }
  const { values, operands: [extra] } = line;
  if (extra !== undefined) refuse(`unexpected argument ${describe(extra)}`);
  const options: ServeOptions = {
    path: values.get("path")?.[0] ?? ".",
    endpoints: (values.get("listen") ?? ["tcp:8080"]).map(checkEndpoint),
    indexNames: values.get("index") ?? ["index.html", "index.htm"],
    listing: values.has("listing"),
    accessLog: values.get("access-log")?.[0],
    sessionTimeout: values.get("session-timeout")?.map(toSeconds)[0],
    displayTracebacks: values.has("display-tracebacks"),
    trustProxy: values.has("trust-proxy"),
  };
  return { act: "serve", options };
}

function checkEndpoint(description: string): string {
  try {
    parseEndpoint(description);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`--listen: ${error.message}`);
  }
  return description;
}

function toSeconds(value: string): number {
  return /^\d+(\.\d+)?$/.test(value) ? Number(value) : refuse(
    `--session-timeout is not a number of seconds: ${describe(value)}`,
  );
}

function refuse(why: string): never {
  throw new UsageError(`Cannot serve: ${why}`);
}
