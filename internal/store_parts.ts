import type { SessionStore, StorePart } from "../stores/store.ts";

/** What a site has for each part of a store; once for a store without parts. */
export class PerPart<T> {
  /** One for each part. */
  readonly all: readonly T[];
  readonly #of: (uid: string) => T;

  /**
   * Makes one for each part.
   *
   * @param make Called with the part, which is the store itself if it has no
   * parts, and with its place among all.
   */
  constructor(
    store: SessionStore,
    make: (part: SitePart, index: number) => T,
  ) {
    const { parts = [] } = store;
    if (parts.length < 2) {
      const only = make(store, 0);
      this.all = [only];
      this.#of = () => only;
    } else {
      const made = new Map(parts.map((part, index) => [
        part,
        make(part, index),
      ]));
      this.all = [...made.values()];
      this.#of = (uid) => made.get(store.partOf!(uid))!;
    }
  }

  /** Returns the one for the part that a session belongs to. */
  of(uid: string): T {
    return this.#of(uid);
  }
}

/** A part of a store, or a store that is not divided and has no name. */
export type SitePart = Omit<StorePart, "name"> & { readonly name?: string };
