import { HttpError } from "./http_error.ts";
import { watchStream } from "./watch_stream.ts";

/**
 * Reads the body of a request, up to a limit, and blames the visitor for what
 * cannot be read.
 *
 * A body of a declared length is not longer: Deno sees to that. Another is
 * counted as it comes.
 *
 * @throws {HttpError} 413 if it is longer than the limit, 400 if `read` fails.
 * @throws {TypeError} If it has been read before.
 */
export async function readBody<T>(
  request: Request,
  maxBytes: number,
  read: (body: Request | Response) => Promise<T>,
): Promise<T> {
  if (request.bodyUsed) {
    throw new TypeError("Cannot read the body: it has been read before");
  }
  const declared = request.headers.get("content-length");
  if (Number(declared ?? 0) > maxBytes) throw tooLarge(maxBytes);
  let body: Request | Response = request;
  if (declared === null && request.body !== null) {
    let count = 0;
    const counted = watchStream(request.body, {
      onChunk: (chunk) => {
        count += chunk.byteLength;
        if (count > maxBytes) throw tooLarge(maxBytes);
      },
    });
    // Only a Response takes a stream without the ceremony of `duplex`.
    const type = request.headers.get("content-type");
    body = new Response(
      counted,
      type === null ? {} : { headers: [["content-type", type]] },
    );
  }
  try {
    return await read(body);
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, "The body cannot be read as what it should be", {
      cause: error,
    });
  }
}

/**
 * Reads a form.
 *
 * Deno takes what there is of a multipart body that was cut short for the whole;
 * here it has to end with its boundary.
 *
 * @throws {TypeError} If it is no form, or not a whole one.
 */
export async function readForm(body: Request | Response): Promise<FormData> {
  const type = body.headers.get("content-type") ?? "";
  const [, quoted, token] =
    /^multipart\/form-data\s*;.*\bboundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(
      type,
    ) ??
      [];
  const boundary = quoted ?? token;
  if (boundary === undefined) return body.formData();
  const bytes = await body.bytes();
  const end = `--${boundary}--`;
  // A line break may follow, and little else.
  const tail = bytes.subarray(-end.length - 64);
  if (!new TextDecoder("latin1").decode(tail).includes(end)) {
    throw new TypeError("Cannot read the form: it does not end");
  }
  return new Response(bytes, { headers: [["content-type", type]] }).formData();
}

function tooLarge(maxBytes: number): HttpError {
  return new HttpError(413, `The body may have ${maxBytes} bytes at most`);
}
