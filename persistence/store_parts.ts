import type { SessionStore, StorePart } from "../stores/store.ts";

/** A part of a store, or a whole store, which has no name. */
export type AnyPart = Omit<StorePart, "name"> & { readonly name?: string };

/** One object for each part of a store; one for a store without parts. */
export class PerPart<T> {
  /** The objects of all parts. */
  readonly all: readonly T[];
  /** Returns the object for the part that a session belongs to. */
  readonly of: (uid: string) => T;

  /**
   * Makes an object for each part.
   *
   * @param make Called with the part, which is the store itself if it has no
   * parts, and with its index.
   */
  constructor(store: SessionStore, make: (part: AnyPart, index: number) => T) {
    const { parts = [] } = store;
    if (parts.length < 2) {
      const only = make(store, 0);
      this.all = [only];
      this.of = () => only;
    } else {
      const made = new Map(parts.map((part, index) => [
        part,
        make(part, index),
      ]));
      this.all = [...made.values()];
      this.of = (uid) => made.get(store.partOf!(uid))!;
    }
  }
}
