import { decodeValue, encodeValue } from "./value_codec.ts";

/** An object that the application got, and its encodings before it got it. */
interface ReadValue {
  readonly key: string;
  /** The encoding in the record, or of the last `set()`. */
  readonly text: string;
  /** The encoding of the object, if it differs; undefined if not known yet. */
  asRead: string | undefined;
}

/** A value that the application has changed inside. */
export interface InnerChange {
  readonly key: string;
  /** The encoding of the value before the change. */
  readonly before: string;
  /** The encoding now; undefined if no store can keep the value. */
  readonly after: string | undefined;
  /** The reason why no store can keep the value. */
  readonly error: unknown;
  /** Whether another process has written the key since. */
  readonly isOvertaken: boolean;
}

/** The objects of one session that the application got, and may change inside. */
export class ReadValues {
  readonly #reads = new Map<object, ReadValue>();
  /** The encodings of objects that schemas have made; undefined without any. */
  readonly #made = new WeakMap<object, string | undefined>();

  /** Records an object that the application gets. */
  note(value: object, key: string, text: string): void {
    if (this.#reads.get(value)?.text === text) return;
    const asRead = this.#made.get(value);
    // No store keeps the object, so a change inside stays here.
    if (asRead === undefined && this.#made.has(value)) return;
    this.#reads.set(value, { key, text, asRead });
  }

  /** Records an object that a schema has made of a value. */
  noteMade(value: object): void {
    let text: string | undefined;
    try {
      text = encodeValue(value);
    } catch {
      // A schema may make instances of classes.
    }
    this.#made.set(value, text);
  }

  /** Forgets an object that the application has replaced by another value. */
  forget(value: unknown): void {
    this.#reads.delete(value as object);
  }

  /**
   * Returns the changes since the last call.
   *
   * @param values The values that the session has now.
   */
  takeChanges(values: ReadonlyMap<string, unknown>): InnerChange[] {
    const changes: InnerChange[] = [];
    for (const [value, read] of this.#reads) {
      const { key, text } = read;
      const isOvertaken = values.get(key) !== value;
      let after: string | undefined;
      let error: unknown;
      try {
        after = encodeValue(value);
        // An earlier version may have encoded the value in another way.
        read.asRead ??= after === text ? text : encodeValue(decodeValue(text));
        if (after === read.asRead) after = undefined;
      } catch (cause) {
        error = cause;
      }
      // An object that was overtaken stays too: a request may still change it.
      if (after === undefined && error === undefined) continue;
      changes.push({ key, before: text, after, error, isOvertaken });
      if (after === undefined) this.#reads.delete(value);
      else {
        this.#reads.set(value, { key, text: after, asRead: after });
        if (this.#made.has(value)) this.#made.set(value, after);
      }
    }
    return changes;
  }

  /** Forgets all objects. */
  clear(): void {
    this.#reads.clear();
  }
}
