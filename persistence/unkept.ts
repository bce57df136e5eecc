import { HttpError } from "../http/http_error.ts";

/** Returns the answer to a request whose changes cannot be written. */
export function unkept(cause?: unknown): HttpError {
  return new HttpError(
    503,
    "Your session cannot be stored at the moment. Please try again.",
    { cause },
  );
}
