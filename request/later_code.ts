/**
 * The code for bodies that few requests need: loaded as one, when a body is read or
 * streamed.
 *
 * @module
 */

import { describeIssues } from "../base/describe.ts";
import { pipeBody as pipe, readBody } from "../http/body.ts";
import { HttpError } from "../http/http_error.ts";
import { parseForm, parseJson } from "../http/parsed_body.ts";
import type { SchemaResult, StandardSchemaV1 } from "../session/session_key.ts";
import { BODY_LIMITS } from "./internals.ts";

export { followBody } from "../http/followed_body.ts";

/** The parts of a request that reading its body uses. `SiteRequest` is one. */
interface BodyRequest {
  readonly request: Request;
  readonly site: {
    readonly maxBodyBytes: number;
    readonly maxFormFields: number;
  };
}

/** Reads the body as a form. */
export function readForm(request: BodyRequest): Promise<FormData> {
  const { maxFormFields } = request.site;
  return read(request, (body) => parseForm(body, maxFormFields), " as a form");
}

/**
 * Reads the body as JSON, and checks it by a schema, which may be asynchronous.
 *
 * @throws {HttpError} 400 with the faults, if the schema refuses the body.
 */
export async function readJson(
  request: BodyRequest,
  schema?: StandardSchemaV1,
): Promise<unknown> {
  const value = await read(request, parseJson, " as JSON");
  if (schema === undefined) return value;
  const result = await schema["~standard"].validate(value) as SchemaResult;
  if (result.issues === undefined) return result.value;
  throw new HttpError(400, describeIssues(result.issues));
}

/** Reads the body as text. */
export function readText(request: BodyRequest): Promise<string> {
  return read(request, (body) => body.text());
}

/** Reads the body as bytes. */
export function readBytes(
  request: BodyRequest,
): Promise<Uint8Array<ArrayBuffer>> {
  return read(request, (body) => body.bytes());
}

/** Streams the body into a sink; returns the number of bytes. */
export function pipeBody(
  request: BodyRequest,
  sink: WritableStream<Uint8Array>,
): Promise<number> {
  return pipe(request.request, limitOf(request), sink);
}

function read<T>(
  request: BodyRequest,
  parse: (body: Request | Response) => Promise<T>,
  kind?: string,
): Promise<T> {
  return readBody(request.request, limitOf(request), parse, kind);
}

/** Returns the most bytes that the body may have. */
function limitOf({ request, site }: BodyRequest): number {
  return BODY_LIMITS.get(request) ?? site.maxBodyBytes;
}
