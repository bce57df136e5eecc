/** Puts items into random order, and returns them. */
export function shuffle<T extends { length: number; [index: number]: unknown }>(
  items: T,
): T {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [items[i], items[j]] = [items[j], items[i]];
  }
  return items;
}
