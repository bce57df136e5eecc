/**
 * The stores that the command line names.
 *
 * @module
 */

/** The kinds of stores. */
export type StoreKind = "sqlite" | "redis" | "postgres";

/** A store, as a URL names it. */
export interface StoreUrl {
  readonly kind: StoreKind;
  /** The path of the file of SQLite, or the URL for the client of a server. */
  readonly address: string;
  /** The URL without its password, for messages. */
  readonly shown: string;
}

const KINDS: ReadonlyMap<string, StoreKind> = new Map([
  ["sqlite", "sqlite"],
  ["redis", "redis"],
  ["rediss", "redis"],
  ["postgres", "postgres"],
  ["postgresql", "postgres"],
]);

/**
 * Parses the URL of a store.
 *
 * `sqlite:` is followed by the path of a file as it is, `sqlite:./a.db` or
 * `sqlite:///var/a.db`.
 *
 * @throws {SyntaxError} If it names no store; the message shows no password.
 */
export function parseStoreUrl(text: string): StoreUrl {
  const shown = withoutPassword(text);
  const kind = KINDS.get(/^([a-z]+):/.exec(text)?.[1] ?? "");
  if (kind === undefined) {
    throw new SyntaxError(
      `a store is sqlite:FILE, redis://HOST or postgres://HOST/DATABASE, not ${
        JSON.stringify(shown)
      }`,
    );
  }
  if (kind !== "sqlite") {
    if (!/^[a-z]+:\/\//.test(text) || !URL.canParse(text)) {
      throw new SyntaxError(`not a URL: ${JSON.stringify(shown)}`);
    }
    return { kind, address: text, shown };
  }
  const address = text.replace(/^sqlite:(\/\/(?=\/))?/, "");
  if (address === "" || address.startsWith("//")) {
    throw new SyntaxError(
      `sqlite: is followed by a file: ${JSON.stringify(shown)}`,
    );
  }
  if (address === ":memory:") {
    throw new SyntaxError(
      "sqlite::memory: is in the memory of one process, which no other one reads",
    );
  }
  return { kind, address, shown };
}

/** A password may hold any character, an "@" or a "/" too. */
function withoutPassword(text: string): string {
  return text
    .replace(/^([a-z]+:\/\/[^:@/?#]*):.*@/s, "$1:***@")
    .replace(/([?&]password=)[^&#]*/g, "$1***");
}
