/** Replacement text for each entity, the entity written with `&` and `;`. */
export type EntityList = Record<string, string>;

/** Options of {@linkcode unescape}. */
export type UnescapeOptions = {
  /** Named entities to replace; the default knows those of `escape`, `&apos;` and `&nbsp;`. */
  entityList: EntityList;
};

/** Replaces `&`, `<`, `>`, `"` and `'` by entities. */
export function escape(str: string): string;

/** Replaces named and numeric entities by their characters. */
export function unescape(
  str: string,
  options?: Partial<UnescapeOptions>,
): string;
