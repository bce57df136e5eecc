import { parseArgs } from "node:util";
import { describe } from "../base/describe.ts";

/** Thrown for a command line that is not valid. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** An option of the command line. */
export interface Option {
  /** A letter that stands for the option. */
  readonly short?: string;
  /** The placeholder for the value; undefined if the option takes none. */
  readonly value?: string;
  /** Whether the option may be given twice. */
  readonly isRepeatable?: boolean;
  /** The lines of the help. */
  readonly help: readonly string[];
}

/** Options by their names. */
export type Options = ReadonlyMap<string, Option>;

/** A command of the program. */
export interface CommandSyntax {
  /** The start of errors: "Cannot serve". */
  readonly failure: string;
  readonly options: Options;
}

/** The parts of a command line, each value checked for its presence only. */
export interface CommandLine {
  /** The first word; undefined if there is none. */
  readonly command: string | undefined;
  /** The other words. */
  readonly operands: readonly string[];
  /** The values of the options of the command; "" for an option without one. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** The flag that asks for a text, wherever it is. */
  readonly question: "help" | "version" | undefined;
}

/** The options of every command. */
const COMMON: Options = new Map<string, Option>([
  ["help", { short: "h", help: ["Print this"] }],
  ["version", { help: ["Print the version"] }],
]);

/** The column at which the help of each option begins. */
const HELP_COLUMN = 33;

/** Returns the part of the help that lists options, at most 80 columns wide. */
export function optionsHelp(options: Options): string {
  const all = [...options, ...COMMON];
  return all.flatMap(([name, { short, value, help }]) => {
    const flag = `${short === undefined ? "   " : `-${short},`} --${name}`;
    const title = `  ${flag}${value === undefined ? "" : ` ${value}`}`;
    return help.map((line, index) =>
      (index === 0 ? title : "").padEnd(HELP_COLUMN) + line
    );
  }).join("\n");
}

/**
 * Reads a command line.
 *
 * @param commands The commands by their names. An option of the same name takes a
 * value in all of them, or in none.
 * @throws {UsageError} If the command is missing or unknown, or an option is not
 * one of its options; unless there is a question.
 */
export function readCommandLine(
  args: readonly string[],
  commands: ReadonlyMap<string, CommandSyntax>,
): CommandLine {
  const known = new Map([
    ...COMMON,
    ...[...commands.values()].flatMap(({ options }) => [...options]),
  ]);
  const { positionals, tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      [...known].map(([name, { short, value }]) => {
        const type = value === undefined ? "boolean" : "string";
        return [name, short === undefined ? { type } : { type, short }];
      }),
    ),
    allowPositionals: true,
    // The messages of the strict mode do not show the value.
    strict: false,
    tokens: true,
  });
  const [command, ...operands] = positionals;
  const given = tokens.filter((token) => token.kind === "option");
  const values = new Map<string, string[]>();
  const question = (["help", "version"] as const).find((flag) =>
    given.some(({ name }) => name === flag)
  );
  if (question !== undefined) return { command, operands, values, question };
  if (command === undefined) throw new UsageError("Cannot run: no command");
  const syntax = commands.get(command);
  if (syntax === undefined) {
    throw new UsageError(`Cannot run ${describe(command)}: no such command`);
  }
  for (const token of given) {
    const earlier = values.get(token.name) ?? [];
    const value = valueOf(token, syntax, earlier.length > 0);
    values.set(token.name, [...earlier, value]);
  }
  return { command, operands, values, question };
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
function valueOf(
  token: OptionToken,
  { failure, options }: CommandSyntax,
  isRepeated: boolean,
): string {
  const refuse = (why: string): never => {
    throw new UsageError(`${failure}: ${why}`);
  };
  const { name, rawName, value, inlineValue } = token;
  const option = options.get(name);
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
  if (isRepeated && option.isRepeatable !== true) {
    refuse(`${rawName} is given twice: ${describe(value)}`);
  }
  return value;
}
