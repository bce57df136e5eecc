/** Takes the errors of the abort that is under way, the innermost of several. */
let report: ((error: unknown) => void) | undefined;

/**
 * Aborts, and reports what an abort listener throws.
 *
 * An exception in an event listener goes to the global "error" event, and from
 * there Deno ends the process. Listeners are called before abort() returns, so
 * a listener of our own on that event, for just that long, takes theirs only.
 */
export function abortGuarded(
  controller: AbortController,
  reason: unknown,
  onError: (error: unknown) => void,
): void {
  const outer = report;
  if (outer === undefined) globalThis.addEventListener("error", take);
  report = onError;
  try {
    controller.abort(reason);
  } finally {
    report = outer;
    if (outer === undefined) globalThis.removeEventListener("error", take);
  }
}

function take(event: ErrorEvent): void {
  event.preventDefault();
  event.stopImmediatePropagation();
  report?.(event.error);
}
