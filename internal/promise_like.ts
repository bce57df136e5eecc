/** Goes on with an answer: at once, unless it has to be waited for. */
export function proceed<T, R>(
  answer: T | Promise<T>,
  next: (answer: T) => R | Promise<R>,
): R | Promise<R> {
  return isPromiseLike(answer)
    ? (answer as Promise<T>).then(next)
    : next(answer as T);
}

/** Whether something is to be waited for; a plain answer must not be. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/** Waits until all are settled; then rejects as the first that has rejected. */
export async function settleAll(
  promises: readonly PromiseLike<unknown>[],
): Promise<void> {
  const results = await Promise.allSettled(promises);
  const failure = results.find(({ status }) => status === "rejected");
  if (failure?.status === "rejected") throw failure.reason;
}
