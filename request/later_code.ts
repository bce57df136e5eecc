/**
 * The code for bodies that few requests need: loaded as one, when a body is read or
 * streamed.
 *
 * @module
 */

import { describeIssues } from "../base/describe.ts";
import { HttpError } from "../http/http_error.ts";
import type { SchemaResult, StandardSchemaV1 } from "../session/session_key.ts";

export { followBody } from "../http/followed_body.ts";
export { pipeBody, readBody, readForm, readJson } from "../http/body.ts";

/**
 * Checks the body of a request by a schema, which may be asynchronous, and returns
 * its output.
 *
 * @throws {HttpError} 400 with the faults, if the schema refuses the body.
 */
export async function checkBody<T>(
  body: unknown,
  schema: StandardSchemaV1<unknown, T>,
): Promise<T> {
  const result = await schema["~standard"].validate(body) as SchemaResult;
  if (result.issues === undefined) return result.value as T;
  throw new HttpError(400, describeIssues(result.issues));
}
