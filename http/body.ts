import { HttpError } from "./http_error.ts";
import { watchStream } from "./stream_watch.ts";

/**
 * Reads the body of a request, up to a limit.
 *
 * Deno ensures that a body of a declared length is not longer. The bytes of other
 * bodies are counted as they arrive.
 *
 * @param kind For the message: `" as JSON"`, for example.
 * @throws {HttpError} 413 if it is longer than the limit, 400 if `read` fails.
 * @throws {TypeError} If it has been read before.
 */
export async function readBody<T>(
  request: Request,
  maxBytes: number,
  read: (body: Request | Response) => Promise<T>,
  kind = "",
): Promise<T> {
  refuseUsed(request);
  const declared = request.headers.get("content-length");
  if (Number(declared ?? 0) > maxBytes) throw tooLarge(maxBytes);
  let body: Request | Response = request;
  if (declared === null && request.body !== null) {
    // A Request of a stream would need the option `duplex`; a Response does not.
    const type = request.headers.get("content-type");
    body = new Response(
      countBytes(request.body, maxBytes),
      type === null ? {} : { headers: [["content-type", type]] },
    );
  }
  try {
    return await read(body);
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, `The body of the request cannot be read${kind}`, {
      cause: error,
    });
  }
}

/**
 * Streams the body of a request into a sink, which is closed at the end, or aborted
 * with the error. At no time more than a few chunks are in memory.
 *
 * @returns the number of bytes.
 * @throws {HttpError} 413 if it is longer than the limit, 400 if it breaks off.
 * @throws {TypeError} If it has been read before.
 * @throws the error of the sink, if that fails.
 */
export async function pipeBody(
  request: Request,
  maxBytes: number,
  sink: WritableStream<Uint8Array>,
): Promise<number> {
  let count = 0;
  let failure: unknown;
  try {
    refuseUsed(request);
    if (Number(request.headers.get("content-length") ?? 0) > maxBytes) {
      throw tooLarge(maxBytes);
    }
  } catch (error) {
    await sink.abort(error);
    throw error;
  }
  if (request.body === null) {
    await sink.close();
    return 0;
  }
  const counted = watchStream(request.body, {
    onChunk: ({ byteLength }) => {
      count += byteLength;
      if (count > maxBytes) throw tooLarge(maxBytes);
    },
    onError: (error) => {
      failure = error;
    },
  });
  try {
    await counted.pipeTo(sink);
  } catch (error) {
    // The sink of the application has errors of its own.
    if (error !== failure || error instanceof HttpError) throw error;
    throw new HttpError(400, "The body of the request ended early", {
      cause: error,
    });
  }
  return count;
}

function countBytes(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): ReadableStream<Uint8Array> {
  let count = 0;
  return watchStream(body, {
    onChunk: ({ byteLength }) => {
      count += byteLength;
      if (count > maxBytes) throw tooLarge(maxBytes);
    },
  });
}

/** @throws {TypeError} If the body of a request has been read before. */
function refuseUsed(request: Request): void {
  if (request.bodyUsed) {
    throw new TypeError("Cannot read the body: it has been read before");
  }
}

function tooLarge(maxBytes: number): HttpError {
  return new HttpError(413, `The body may have ${maxBytes} bytes at most`);
}
