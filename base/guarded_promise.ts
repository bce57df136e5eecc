/**
 * Handles the rejection of a promise, and of each promise that then(), catch() or
 * finally() derive from it, even if no caller awaits them.
 *
 * Without a handler, Deno ends the process. Only the last promise of a chain
 * reports its rejection; the others hand theirs to the next one.
 *
 * @param promise A promise on which then() was not called before.
 * @param onFailure Receives the rejections of the last promises; must not throw.
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
