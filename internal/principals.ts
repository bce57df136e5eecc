/** Items by whose they are; a principal with none left leaves no trace. */
export class Principals<T> {
  readonly #items = new Map<string, Set<T>>();

  /** How many principals there are. */
  get size(): number {
    return this.#items.size;
  }

  /** Those of a principal, the first entered first. */
  of(principal: string): T[] {
    return [...this.#items.get(principal) ?? []];
  }

  /** How many a principal has. */
  count(principal: string): number {
    return this.#items.get(principal)?.size ?? 0;
  }

  /** Whether an item is entered under a principal. */
  has(principal: string, item: T): boolean {
    return this.#items.get(principal)?.has(item) ?? false;
  }

  /** Enters an item under a principal. */
  add(principal: string, item: T): void {
    const items = this.#items.get(principal);
    if (items === undefined) this.#items.set(principal, new Set([item]));
    else items.add(item);
  }

  /** Takes an item out. */
  remove(principal: string, item: T): void {
    const items = this.#items.get(principal);
    if (items?.delete(item) && items.size === 0) this.#items.delete(principal);
  }
}
