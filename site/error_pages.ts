import { STATUS_TEXT, type StatusCode } from "@std/http/status";
import { describe, visible } from "../base/describe.ts";
import type { Resource } from "../resource.ts";
import { errorPage, forbidden, notFound } from "../resources/pages.ts";

/** Returns the page of an error whose reason the client may see. */
export function httpErrorPage(status: number, detail: string): Resource {
  if (status === 404) return notFound(undefined, detail);
  if (status === 403) return forbidden(undefined, detail);
  return errorPage(status, headingOf(status), detail);
}

/** Returns the page for a method that a resource does not answer. */
export function methodPage(status: 405 | 501): Resource {
  return errorPage(
    status,
    headingOf(status),
    "The page at this address does not answer this method.",
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
    "Server error",
    error === undefined
      ? "Something went wrong. It has been reported."
      : inspect(error).split("\n").map(visible).join("\n"),
  );
}

function headingOf(status: number): string {
  return STATUS_TEXT[status as StatusCode] ?? `Error ${status}`;
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
