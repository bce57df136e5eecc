import { parseArgs } from "node:util";
import { describe } from "./describe.ts";
import { parseEndpoint } from "./endpoint.ts";

/** What `serve` is to do. */
export interface ServeOptions {
  /** The folder. */
  readonly path: string;
  /** Descriptions of endpoints, at least one. */
  readonly endpoints: readonly string[];
  /** Names of the files that stand for their folders, at least one. */
  readonly indexNames: readonly string[];
  /** Whether other folders are listed. */
  readonly listing: boolean;
  /** A file, or "-" for stdout. */
  readonly accessLog: string | undefined;
  /** Seconds. */
  readonly sessionTimeout: number | undefined;
  /** Whether visitors see errors. */
  readonly displayTracebacks: boolean;
  /** Whether a proxy in front is believed. */
  readonly trustProxy: boolean;
}

/** A command line that makes no sense. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** One option of the command line. */
interface Option {
  readonly short?: string;
  /** What its value is called; without, it takes none. */
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
      "The file that stands for its folder, repeatable",
      "(default: index.html, index.htm)",
    ],
  }],
  ["listing", { help: ["List folders that have no such file"] }],
  ["access-log", {
    value: "FILE",
    help: ["Add a line for each request; - is stdout"],
  }],
  ["session-timeout", {
    value: "SECONDS",
    help: ["End sessions that nobody visits for so long", "(default: 900)"],
  }],
  ["display-tracebacks", {
    help: ["Show errors to visitors, for development only"],
  }],
  ["trust-proxy", { help: ["Believe the proxy in front (X-Forwarded-For)"] }],
  ["help", { short: "h", help: ["Print this"] }],
  ["version", { help: ["Print the version"] }],
]);

/** Where the help of each option begins. */
const HELP_COLUMN = 33;

/** What `--help` prints: at most 80 columns. */
export function helpText(): string {
  const options = [...OPTIONS].flatMap(([name, { short, value, help }]) => {
    const flag = `${short === undefined ? "   " : `-${short},`} --${name}`;
    const title = `  ${flag}${value === undefined ? "" : ` ${value}`}`;
    return help.map((line, index) =>
      (index === 0 ? title : "").padEnd(HELP_COLUMN) + line
    );
  });
  return `Usage: curfew serve [OPTIONS]

Serves a folder until Ctrl-C: its files, and what its scripts export, as /clock
what clock.resource.ts does. Names that begin with a dot are not served.

Options:
${options.join("\n")}

Deno has to be run with --allow-net and --allow-read; for a Unix socket or a log
file with --allow-write too.`;
}

/**
 * Reads a command line.
 *
 * @throws {UsageError} If it makes no sense; it names the option and the value.
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
    // Strictly, it would complain itself, and not name the value.
    strict: false,
    tokens: true,
  });
  const options = tokens.filter((token) => token.kind === "option");
  for (const question of ["help", "version"] as const) {
    if (options.some(({ name }) => name === question)) return question;
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

/** An option as parseArgs found it. */
interface OptionToken {
  readonly name: string;
  /** With its dashes. */
  readonly rawName: string;
  readonly value: string | undefined;
  /** Whether the value came after an equals sign. */
  readonly inlineValue: boolean | undefined;
}

/** The value of an option; "" if it takes none. */
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
  return /^\d+(\.\d+)?$/.test(value)
    ? Number(value)
    : refuse(`--session-timeout is no number of seconds: ${describe(value)}`);
}

function refuse(why: string): never {
  throw new UsageError(`Cannot serve: ${why}`);
}
