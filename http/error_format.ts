import { accepts } from "@std/http/negotiation";

/** The formats in which an error can be described. */
export type ErrorFormat = "html" | "json" | "text";

/**
 * Returns the format that a client likes best for the description of an error:
 * HTML if it takes anything, text if it takes none of the formats.
 *
 * @param accept The `Accept` header, if there is one.
 */
export function errorFormatFor(accept: string | undefined): ErrorFormat {
  if (accept === undefined) return "html";
  const type = accepts(
    { headers: new Headers({ accept }) },
    "text/html",
    "application/problem+json",
    "application/json",
    "text/plain",
  );
  if (type === "text/html") return "html";
  return type?.endsWith("json") ? "json" : "text";
}
