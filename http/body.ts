import { HttpError } from "./http_error.ts";
import { watchStream } from "./watch_stream.ts";

/**
 * Reads the body of a request, up to a limit.
 *
 * Deno ensures that a body of a declared length is not longer. The bytes of other
 * bodies are counted as they arrive.
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
    // A Request of a stream would need the option `duplex`; a Response does not.
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

function tooLarge(maxBytes: number): HttpError {
  return new HttpError(413, `The body may have ${maxBytes} bytes at most`);
}
