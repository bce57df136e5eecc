/** How many names a sentence has. */
const MAX_NAMED = 10;

/** Returns names for a sentence: all, or the first ten and the number of the others. */
export function nameSome(names: readonly string[]): string {
  const { length } = names;
  const some = names.slice(0, MAX_NAMED).join(", ");
  return length > MAX_NAMED ? `${some} and ${length - MAX_NAMED} others` : some;
}
