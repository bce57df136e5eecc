import { describe } from "../base/describe.ts";
import { checkOptions, FUNCTION, type OptionRules } from "../base/options.ts";

/** The options of a {@linkcode SessionKey}. */
export interface SessionKeyOptions<T, D extends T | undefined = undefined> {
  /**
   * Checks values that come from a store, or that were set under a plain string. It
   * must accept its own output, and must not be asynchronous.
   *
   * @default {undefined}
   */
  schema?: StandardSchemaV1<unknown, T>;
  /**
   * Makes the value of a session that has none. A value that was read is kept, as
   * if it had been set.
   *
   * @default {undefined}
   */
  default?: () => D;
}

/**
 * A typed key of values in a session.
 *
 * A value that came from a store, or was set under a plain string, is checked once.
 * The output of the schema takes its place. A value that the schema refuses stays
 * in the store; it is reported once, and reads as the default or as undefined. A
 * value that is set under the key is checked by the compiler only.
 *
 * @typeParam T The type of the values.
 * @typeParam D The type of the default; undefined if there is none.
 *
 * @example Usage
 * ```ts
 * import { Resource, SessionKey, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * const cart = new SessionKey("cart", { default: (): string[] => [] });
 *
 * await using site = new Site(new Resource());
 * const session = site.makeSession();
 * session.get(cart).push("tea");
 * assertEquals(session.get(cart), ["tea"]);
 * ```
 */
export class SessionKey<T, D extends T | undefined = undefined> {
  /** The key of the value in the session. */
  readonly name: string;
  /** Checks the values; undefined if only the compiler checks them. */
  readonly schema: StandardSchemaV1<unknown, T> | undefined;
  /** Makes the value of a session that has none. */
  readonly defaultValue: (() => D) | undefined;

  /**
   * Makes a key. One key is for all sessions: make it once, at the top of a module.
   *
   * @param name The key of the value in the session.
   * @param options Without a schema, the values have the type of the default.
   * @throws {TypeError} If the name is not a string, or an option is of the wrong
   * kind or unknown.
   */
  constructor(
    name: string,
    options: { schema?: undefined; default: (() => D) & (() => T) },
  );
  /** Makes a key whose values a schema checks, or that has no default. */
  constructor(name: string, options?: SessionKeyOptions<T, D>);
  constructor(
    name: string,
    options: { schema?: object | undefined; default?: () => unknown } = {},
  ) {
    if (typeof name !== "string") {
      throw new TypeError(
        `Cannot make a session key: the name is not a string: ${
          describe(name)
        }`,
      );
    }
    checkOptions(`make the session key ${describe(name)}`, options, RULES);
    this.name = name;
    const { schema, default: defaultValue } = options as SessionKeyOptions<
      T,
      D
    >;
    this.schema = schema;
    this.defaultValue = defaultValue;
  }
}

const RULES: OptionRules<SessionKeyOptions<unknown, unknown>> = {
  schema: {
    kind: "a Standard Schema",
    // ArkType's schemas are functions.
    isKind: (schema) =>
      typeof (schema as StandardSchemaV1 | null)?.["~standard"]?.validate ===
        "function",
  },
  default: FUNCTION,
};

/** A key of any type of values. */
export type AnySessionKey = SessionKey<unknown, unknown>;

/**
 * Returns the plain key of a value.
 *
 * @throws {TypeError} If it is neither a string nor a {@linkcode SessionKey}.
 */
export function nameOf(key: string | AnySessionKey): string {
  if (typeof key === "string") return key;
  if (typeof key === "object" && typeof key?.name === "string") return key.name;
  throw new TypeError(
    `Cannot use a value: the key is neither a string nor a SessionKey: ${
      describe(key)
    }`,
  );
}

/**
 * A schema of Zod, Valibot, ArkType or any other library of the Standard Schema
 * (https://standardschema.dev), version 1.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  /** The members that all libraries share. */
  readonly "~standard": {
    /** The version of the standard. */
    readonly version: 1;
    /** The name of the library. */
    readonly vendor: string;
    /**
     * Checks a value, and returns the value to use or the faults of the given one.
     */
    readonly validate: (value: unknown) =>
      | { readonly value: Output; readonly issues?: undefined }
      | {
        readonly issues: readonly {
          /** The fault, in words. */
          readonly message: string;
          /** The place of the fault in the value. */
          readonly path?:
            | readonly (PropertyKey | { readonly key: PropertyKey })[]
            | undefined;
        }[];
      }
      | Promise<unknown>;
    /** The types of the schema; they exist for the compiler only. */
    readonly types?:
      | { readonly input: Input; readonly output: Output }
      | undefined;
  };
}

/** The result of a schema that is not asynchronous. */
export type SchemaResult = Exclude<
  ReturnType<StandardSchemaV1["~standard"]["validate"]>,
  Promise<unknown>
>;
