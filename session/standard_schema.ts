import { visible } from "../base/describe.ts";

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

/** Returns the faults of a value in one line. */
export function describeIssues(
  issues: NonNullable<SchemaResult["issues"]>,
): string {
  return issues.map(({ message, path = [] }) => {
    const at = path.map((each) =>
      String(typeof each === "object" ? each.key : each)
    ).join(".");
    return visible(at === "" ? message : `${at}: ${message}`);
  }).join("; ");
}
