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
  report: (error: unknown) => void,
): void {
  const take = (event: ErrorEvent) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    report(event.error);
  };
  globalThis.addEventListener("error", take);
  try {
    controller.abort(reason);
  } finally {
    globalThis.removeEventListener("error", take);
  }
}
