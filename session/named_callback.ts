import { describe } from "../base/describe.ts";
import { checkOptions, type OptionRules } from "../base/check_options.ts";

/** The options of a callback that is registered by its name. */
export interface NamedCallbackOptions {
  /**
   * Identifies the callback within its session: a callback that is registered
   * under the key of another one replaces it.
   *
   * @default the name and the argument, as JSON with sorted keys; for a warning the
   * seconds too
   */
  key?: string;
}

const ACT = "notify on expire";

const RULES: OptionRules<NamedCallbackOptions> = {
  key: { kind: "a string", isKind: (key) => typeof key === "string" },
};

/** A callback that an application registers by its name. */
export interface NamedRegistration {
  readonly name: string;
  readonly argument: unknown;
  readonly options: NamedCallbackOptions | undefined;
}

/** A callback of a session that is registered by its name. */
export interface NamedCallback {
  readonly name: string;
  readonly argument: unknown;
  /** Identifies the callback within its session. */
  readonly key: string;
  /** Name and argument as text; undefined if JSON cannot hold the argument. */
  readonly call: string | undefined;
}

/**
 * Returns a callback by its name, with its key.
 *
 * @throws {TypeError} If no callback is registered by the name, or if JSON cannot
 * hold the argument and there is no key.
 */
export function namedCallbackOf(
  callbacks: ReadonlyMap<string, unknown>,
  { name, argument, options = {}, act = ACT, shown = name }:
    & NamedRegistration
    & {
      /** The action of the caller, and the name that it gave, for errors. */
      readonly act?: string;
      readonly shown?: string;
    },
): NamedCallback {
  checkRegistered(name, callbacks, { act: ACT, by: "onEnd" });
  checkOptions(act, options, RULES);
  const { key } = options;
  const copy = copyOfArgument(act, { name: shown, argument });
  let call: string | undefined;
  try {
    call = textOfCall(name, argument);
  } catch (cause) {
    if (key === undefined) {
      throw new TypeError(
        `Cannot ${act}: the argument for ${
          describe(shown)
        } has no JSON to make a key of; pass the option "key"`,
        { cause },
      );
    }
  }
  return {
    name,
    argument: copy,
    // The first letter tells a key of the caller from one that is made here.
    key: key === undefined ? call! : `k${key}`,
    call,
  };
}

/**
 * Checks that a callback is registered.
 *
 * @throws {TypeError} If it is not.
 */
export function checkRegistered(
  name: string,
  callbacks: ReadonlyMap<string, unknown>,
  { act, by }: { readonly act: string; readonly by: string },
): void {
  if (callbacks.has(name)) return;
  throw new TypeError(
    `Cannot ${act}: the callback is not registered by ${by}(), and not a function: ${
      describe(name)
    }`,
  );
}

/**
 * Returns a copy of the argument of a named callback.
 *
 * @param act The action of the caller, for the error.
 * @throws {TypeError} If it cannot be cloned.
 */
export function copyOfArgument(
  act: string,
  { name, argument }: Pick<NamedCallback, "name" | "argument">,
): unknown {
  try {
    return structuredClone(argument);
  } catch (cause) {
    throw new TypeError(
      `Cannot ${act}: the argument for ${describe(name)} cannot be cloned: ${
        describe(argument)
      }`,
      { cause },
    );
  }
}

function textOfCall(name: string, argument: unknown): string {
  return argument === undefined
    ? `n${name}`
    : `j${JSON.stringify(name)}${write(argument, DEPTH)}`;
}

/** The depth to which a value is read; a cycle ends here too. */
const DEPTH = 100;

/**
 * Returns a value as JSON whose keys are sorted: the same text for equal values.
 *
 * @throws {TypeError} If JSON cannot hold a part of the value as it is: `NaN`, a
 * Date, a function, a cycle.
 */
function write(value: unknown, depth: number): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" && Number.isFinite(value)) {
    return JSON.stringify(value);
  }
  if (typeof value !== "object") throw refusal(describe(value));
  if (depth === 0) throw refusal("a value with more than 100 levels");
  if (Array.isArray(value)) {
    // Array.map() would pass over holes.
    const parts = Array.from(value, (each) => write(each, depth - 1));
    return `[${parts.join(",")}]`;
  }
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null;
  if (!isPlain || Object.getOwnPropertySymbols(value).length > 0) {
    throw refusal(describe(value));
  }
  const parts = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)
    .map(([key, each]) => `${JSON.stringify(key)}:${write(each, depth - 1)}`);
  return `{${parts.join(",")}}`;
}

function refusal(what: string): TypeError {
  return new TypeError(`JSON cannot hold ${what}`);
}

/**
 * Checks that a session may have one more callback.
 *
 * @throws {RangeError} If it has the most callbacks already.
 */
export function checkCallbackCount(
  act: string,
  { uid }: { readonly uid: string },
  count: number,
  most: number,
): void {
  if (count < most) return;
  throw new RangeError(
    `Cannot ${act}: session "${uid}" has ${count} callbacks already, as many as the option maxCallbacks allows; register each once, when request.isNewSession is true`,
  );
}
