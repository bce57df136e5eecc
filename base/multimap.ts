/** A map with several values per key; a key is removed with its last value. */
export class Multimap<K, V> {
  readonly #values = new Map<K, Set<V>>();

  /** The number of keys. */
  get size(): number {
    return this.#values.size;
  }

  /** Returns the values of a key in the order in which they were added. */
  get(key: K): V[] {
    return [...this.#values.get(key) ?? []];
  }

  /** Iterates over the values of a key, without a copy. */
  values(key: K): Iterable<V> {
    return this.#values.get(key) ?? [];
  }

  /** Returns the number of values of a key. */
  count(key: K): number {
    return this.#values.get(key)?.size ?? 0;
  }

  /** Returns whether a key has a value. */
  has(key: K, value: V): boolean {
    return this.#values.get(key)?.has(value) ?? false;
  }

  /** Adds a value to a key. */
  add(key: K, value: V): void {
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, new Set([value]));
    else values.add(value);
  }

  /** Removes a value from a key. */
  remove(key: K, value: V): void {
    const values = this.#values.get(key);
    if (values?.delete(value) && values.size === 0) this.#values.delete(key);
  }
}
