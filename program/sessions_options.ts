import { describe } from "../base/describe.ts";
import {
  type CommandLine,
  type CommandSyntax,
  type Option,
  type Options,
  optionsHelp,
  UsageError,
} from "./command_line.ts";
import { parseStoreUrl, type StoreKind, type StoreUrl } from "./store_url.ts";

/** The commands for sessions in a store. */
export type SessionsCommand =
  | "list"
  | "show"
  | "end"
  | "dead-letters"
  | "retry"
  | "delete"
  | "check";

/** The options of `curfew sessions`. */
export interface SessionsOptions {
  readonly command: SessionsCommand;
  /** The store; undefined if the environment names it. */
  readonly store: StoreUrl | undefined;
  /** The uids that the command is about. */
  readonly uids: readonly string[];
  /** The user whose sessions the command is about. */
  readonly principal: string | undefined;
  /** Only sessions that end within so many seconds. */
  readonly within: number;
  /** The most sessions to list. */
  readonly limit: number;
  /** Whether the values are shown. */
  readonly values: boolean;
  /** Whether the command is about all dead letters. */
  readonly all: boolean;
  /** Whether the output is JSON. */
  readonly json: boolean;
  /** The start of the keys in Redis. */
  readonly prefix: string | undefined;
  /** Whether Redis is a cluster. */
  readonly cluster: boolean;
  /** The schema in Postgres. */
  readonly schema: string | undefined;
}

const OPTIONS: Options = new Map<string, Option>([
  ["store", {
    value: "STORE",
    help: [
      "The store (default: $CURFEW_STORE)",
      "  sqlite:FILE",
      "  redis://[USER:PASSWORD@]HOST[:PORT]",
      "  postgres://[USER:PASSWORD@]HOST/DATABASE",
    ],
  }],
  ["principal", { value: "USER", help: ["The sessions of one user"] }],
  ["within", {
    value: "SECONDS",
    help: ["Sessions that end within so many seconds"],
  }],
  ["limit", { value: "COUNT", help: ["The most to list (default: 50)"] }],
  ["values", { help: ["Show the values too, not only their sizes"] }],
  ["all", { help: ["All dead letters"] }],
  ["json", { help: ["Print JSON; times are UNIX seconds"] }],
  ["prefix", {
    value: "PREFIX",
    help: ["The prefix of the RedisStore (default: curfew)"],
  }],
  ["cluster", { help: ["Redis is a cluster; name any node"] }],
  ["schema", {
    value: "SCHEMA",
    help: ["The schema of the PostgresStore", "(default: curfew)"],
  }],
]);

/** The syntax of the command. */
export const SESSIONS: CommandSyntax = {
  failure: "Cannot run sessions",
  options: OPTIONS,
};

/** The options that only some commands take. */
const OF_COMMANDS: ReadonlyMap<string, readonly SessionsCommand[]> = new Map([
  ["principal", ["list", "end"]],
  ["within", ["list"]],
  ["limit", ["list"]],
  ["values", ["show"]],
  ["all", ["retry", "delete"]],
]);

/** The options that only one kind of store has. */
const OF_STORES: ReadonlyMap<string, StoreKind> = new Map([
  ["prefix", "redis"],
  ["cluster", "redis"],
  ["schema", "postgres"],
]);

/** The sentences of the help, by command. */
const COMMANDS: ReadonlyMap<SessionsCommand, string> = new Map([
  ["list", "List sessions, those with the least time left first"],
  ["show", "Show one session: show UID"],
  ["end", "End sessions: end UID..., or end --principal USER"],
  ["dead-letters", "List the ends that could not be delivered"],
  ["retry", "Deliver dead letters again: retry UID..., or retry --all"],
  ["delete", "Forget dead letters: delete UID..., or delete --all"],
  ["check", "Check the store, and count its dead letters"],
]);

/** Returns the output of `sessions --help`, at most 80 columns wide. */
export function sessionsHelp(): string {
  const lines = [...COMMANDS].map(([name, help]) =>
    `  ${name.padEnd(14)}${help}`
  );
  return `Usage: curfew sessions COMMAND --store STORE [OPTIONS]

Reads and ends the sessions that a site has in a store. Sessions end with the
reason "revoked"; the processes of the site deliver these ends.

Commands:
${lines.join("\n")}

Options:
${optionsHelp(OPTIONS)}

Run Deno with --allow-read and --allow-write for SQLite, and with --allow-net,
--allow-env and --allow-sys for a server. The exit code is 0 after success, 1
after a failure or for a session that is not there, and 2 if the command line is
not valid.`;
}

/**
 * Checks the words and options after `sessions`.
 *
 * @throws {UsageError} If they are not valid.
 */
export function parseSessionsOptions(line: CommandLine): SessionsOptions {
  const { operands: [command, ...uids], values } = line;
  if (command === undefined) {
    return refuse(`no command: one of ${[...COMMANDS.keys()].join(", ")}`);
  }
  if (!isCommand(command)) {
    return refuse(`${describe(command)} is not one of its commands`);
  }
  const one = (name: string) => values.get(name)?.[0];
  const options: SessionsOptions = {
    command,
    store: parseStore("--store", one("store")),
    uids: [...new Set(uids)],
    principal: one("principal"),
    within: numberOf("within", one("within"), Infinity),
    limit: numberOf("limit", one("limit"), 50),
    values: values.has("values"),
    all: values.has("all"),
    json: values.has("json"),
    prefix: one("prefix"),
    cluster: values.has("cluster"),
    schema: one("schema"),
  };
  for (const name of values.keys()) {
    const fitting = OF_COMMANDS.get(name);
    if (fitting?.includes(command) === false) {
      refuse(`--${name} is for ${fitting.join(" and ")} only`);
    }
  }
  checkOperands(options);
  return options;
}

/**
 * Returns the store of the options.
 *
 * @param fallback The store that the environment names.
 * @throws {UsageError} If no store is named, or an option is not for its kind.
 */
export function storeOf(
  options: SessionsOptions,
  fallback: string | undefined,
): StoreUrl {
  const store = options.store ?? parseStore("$CURFEW_STORE", fallback);
  if (store === undefined) return refuse("no store: name one by --store");
  for (const [name, kind] of OF_STORES) {
    const value = options[name as "prefix" | "cluster" | "schema"];
    if (value !== undefined && value !== false && kind !== store.kind) {
      refuse(`--${name} is for ${kind} only`);
    }
  }
  return store;
}

function parseStore(
  name: string,
  text: string | undefined,
): StoreUrl | undefined {
  if (text === undefined) return undefined;
  try {
    return parseStoreUrl(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return refuse(`${name}: ${error.message}`);
  }
}

/** Checks that the command has as many uids as it takes. */
function checkOperands(options: SessionsOptions): void {
  const { command, uids, principal, all } = options;
  switch (command) {
    case "show":
      if (uids.length !== 1) refuse("show takes one uid");
      break;
    case "end":
      if ((uids.length > 0) === (principal !== undefined)) {
        refuse("end takes uids, or --principal USER");
      }
      break;
    case "retry":
    case "delete":
      if ((uids.length > 0) === all) {
        refuse(`${command} takes uids, or --all`);
      }
      break;
    default:
      if (uids.length > 0) refuse(`unexpected argument ${describe(uids[0])}`);
  }
}

function isCommand(text: string): text is SessionsCommand {
  return COMMANDS.has(text as SessionsCommand);
}

function numberOf(
  name: "within" | "limit",
  text: string | undefined,
  otherwise: number,
): number {
  if (text === undefined) return otherwise;
  if (name === "within") {
    return /^\d+(\.\d+)?$/.test(text)
      ? Number(text)
      : refuse(`--within is not a number of seconds: ${describe(text)}`);
  }
  return /^[1-9]\d{0,8}$/.test(text)
    ? Number(text)
    : refuse(`--limit is not a whole number from 1: ${describe(text)}`);
}

function refuse(why: string): never {
  throw new UsageError(`Cannot run sessions: ${why}`);
}
