/**
 * Lets a promise reject that no caller waits for, and so each promise that is
 * made of it by then(), catch() or finally().
 *
 * Deno ends the process otherwise. A failure is handed on by the last promise of
 * a chain; the others pass it on, or their callbacks take it.
 *
 * @param promise The promise, before anyone waits for it.
 * @param onFailure Takes what the last promise of each chain rejects with; must
 * not throw.
 * @returns the same promise.
 */
export function guardPromise<T>(
  promise: Promise<T>,
  onFailure: (error: unknown) => void,
): Promise<T> {
  const { then } = promise;
  let isFollowed = false;
  then.call(promise, undefined, (error) => {
    if (!isFollowed) onFailure(error);
  });
  return Object.assign(promise, {
    then: (...callbacks: Parameters<typeof then>) => {
      isFollowed = true;
      return guardPromise(then.apply(promise, callbacks), onFailure);
    },
  });
}
