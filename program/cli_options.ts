import { parseArgs } from "node:util";
import { describe } from "../base/describe.ts";
import { parseEndpoint } from "./endpoint.ts";

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

/** Thrown for a command line that is not valid. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** An option of the command line. */
interface Option {
  readonly short?: string;
  /** The placeholder for the value; undefined if the option takes none. */
  readonly value?: string;
  readonly isRepeatable?: boolean;
  readonly help: readonly string[];
}

const OPTIONS: ReadonlyMap<string, Option> = new Map<string, Option>([
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
  ["help", { short: "h", help: ["Print this"] }],
  ["version", { help: ["Print the version"] }],
]);

/** The column at which the help of each option begins. */
const HELP_COLUMN = 33;

/** Returns the output of `--help`, at most 80 columns wide. */
export function helpText(): string {
  const options = [...OPTIONS].flatMap(([name, { short, value, help }]) => {
    const flag = `${short === undefined ? "   " : `-${short},`} --${name}`;
    const title = `  ${flag}${value === undefined ? "" : ` ${value}`}`;
    return help.map((line, index) =>
      (index === 0 ? title : "").padEnd(HELP_COLUMN) + line
    );
  });
  return `Usage: curfew serve [OPTIONS]

Serves a folder until Ctrl-C: its files, and the resources that its scripts
export. The resource of clock.resource.ts is served as /clock. Names that begin
with a dot are not served.

Options:
${options.join("\n")}

Run Deno with --allow-net and --allow-read; for a Unix socket or a log file with
--allow-write too.`;
}

/**
 * Parses a command line.
 *
 * @throws {UsageError} If it is not valid; the message shows the option and the
 * value.
 */
export function parseCommandLine(
  args: readonly string[],
): ServeOptions | "help" | "version" {
  const { positionals, tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      [...OPTIONS].map(([name, { short, value }]) => {
        const type = value === undefined ? "boolean" : "string";
        return [name, short === undefined ? { type } : { type, short }];
      }),
    ),
    allowPositionals: true,
    // The messages of the strict mode do not show the value.
    strict: false,
    tokens: true,
  });
  const options = tokens.filter((token) => token.kind === "option");
  for (const flag of ["help", "version"] as const) {
    if (options.some(({ name }) => name === flag)) return flag;
  }
  const values = new Map<string, string[]>();
  for (const token of options) {
    const value = valueOf(token, values.has(token.name));
    values.set(token.name, [...values.get(token.name) ?? [], value]);
  }
  const [command, extra] = positionals;
  if (command === undefined) throw new UsageError("Cannot run: no command");
  if (command !== "serve") {
    throw new UsageError(`Cannot run ${describe(command)}: no such command`);
  }
  if (extra !== undefined) refuse(`unexpected argument ${describe(extra)}`);
  return {
    path: values.get("path")?.[0] ?? ".",
    endpoints: (values.get("listen") ?? ["tcp:8080"]).map(checkEndpoint),
    indexNames: values.get("index") ?? ["index.html", "index.htm"],
    listing: values.has("listing"),
    accessLog: values.get("access-log")?.[0],
    sessionTimeout: values.get("session-timeout")?.map(toSeconds)[0],
    displayTracebacks: values.has("display-tracebacks"),
    trustProxy: values.has("trust-proxy"),
  };
}

/** An option as parseArgs returns it. */
interface OptionToken {
  readonly name: string;
  /** The name with its dashes. */
  readonly rawName: string;
  readonly value: string | undefined;
  /** Whether the value follows an equals sign. */
  readonly inlineValue: boolean | undefined;
}

/** Returns the value of an option, or "" if the option takes none. */
function valueOf(token: OptionToken, isRepeated: boolean): string {
  const { name, rawName, value, inlineValue } = token;
  const option = OPTIONS.get(name);
  if (option === undefined) return refuse(`unknown option ${rawName}`);
  if (option.value === undefined) {
    return value === undefined
      ? ""
      : refuse(`${rawName} takes no value: ${describe(value)}`);
  }
  if (!value) return refuse(`${rawName} needs a value, ${option.value}`);
  if (!inlineValue && /^-./.test(value)) {
    refuse(`${rawName} needs a value, ${option.value}, not ${describe(value)}`);
  }
  if (isRepeated && !option.isRepeatable) {
    refuse(`${rawName} is given twice: ${describe(value)}`);
  }
  return value;
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
