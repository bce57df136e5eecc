/** The number of calls of a store that run at a time. */
const AT_ONCE = 50;

/**
 * Calls a function with each item, some at a time, and returns the results in
 * order.
 */
export async function readInTurns<T, R>(
  items: readonly T[],
  read: (item: T) => Promise<R>,
): Promise<R[]> {
  const answers: R[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE) {
    const turn = items.slice(from, from + AT_ONCE);
    answers.push(...await Promise.all(turn.map(read)));
  }
  return answers;
}
