import { STATUS_TEXT } from "@std/http/status";
import { describe } from "../base/describe.ts";
import type { Resource } from "../resource.ts";
import { errorPage } from "../resources/pages.ts";

/** Returns the page for a method that a resource does not answer. */
export function methodPage(status: 405 | 501): Resource {
  return errorPage(
    status,
    STATUS_TEXT[status],
    "What is at this address does not answer this method.",
  );
}

/**
 * Returns the page for an unexpected error.
 *
 * @param error Shown to the client, unless it is undefined.
 */
export function failurePage(error: unknown): Resource {
  return errorPage(
    500,
    STATUS_TEXT[500],
    error === undefined
      ? "Something went wrong. The error has been reported."
      : inspect(error),
  );
}

function inspect(error: unknown): string {
  try {
    if (typeof Deno !== "undefined") return Deno.inspect(error);
    return error instanceof Error
      ? error.stack ?? String(error)
      : describe(error);
  } catch (second) {
    return `${describe(error)}, which cannot be shown: ${describe(second)}`;
  }
}
