import { acceptsEncodings } from "@std/http/negotiation";
import type { FileTree, FoundFile } from "./file_tree.ts";
import { type OpenFile, openFile } from "./open_file.ts";

/** An open file to send, or its compressed copy. */
export interface EncodedFile {
  readonly file: OpenFile;
  /** The encoding of a compressed copy. */
  readonly encoding: string | undefined;
  /** Whether other clients may get another encoding. */
  readonly isNegotiated: boolean;
}

/** The extensions of compressed copies, the best first. */
const EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ["br", ".br"],
  ["zstd", ".zst"],
  ["gzip", ".gz"],
]);

/**
 * Opens the file, or the compressed copy that the client prefers by its headers.
 * Without headers, copies are not looked for.
 *
 * Ranges are always those of the file itself. A client could not combine ranges of
 * a copy with ranges of the file, and a multipart body cannot name an encoding.
 *
 * @returns undefined if the file is gone.
 * @throws {Deno.errors.PermissionDenied} If the file may not be read.
 */
export async function openEncoded(
  tree: FileTree,
  found: FoundFile,
  { accepted }: { accepted: Headers | undefined },
): Promise<EncodedFile | undefined> {
  const copies = accepted === undefined
    ? new Map<string, FoundFile>()
    : await findCopies(tree, found);
  for (let copy; (copy = preferredOf(copies, accepted)) !== undefined;) {
    const [encoding, found] = copy;
    const file = await openCopy(tree, found);
    if (file !== undefined) return { file, encoding, isNegotiated: true };
    copies.delete(encoding);
  }
  const file = await openFile(tree, found);
  return file &&
    { file, encoding: undefined, isNegotiated: copies.size > 0 };
}

/** Returns the copy that the client prefers; undefined if that is the file itself. */
function preferredOf(
  copies: ReadonlyMap<string, FoundFile>,
  headers: Headers | undefined,
): readonly [encoding: string, found: FoundFile] | undefined {
  if (headers === undefined || headers.has("range")) return undefined;
  const encoding = acceptedEncoding(headers, [...copies.keys()]) ?? "identity";
  const found = copies.get(encoding);
  return found && [encoding, found];
}

/** Finds the copies of a file. Ignores a copy that is older than the file. */
async function findCopies(
  tree: FileTree,
  { path, info }: FoundFile,
): Promise<Map<string, FoundFile>> {
  const copies = new Map<string, FoundFile>();
  for (const [encoding, extension] of EXTENSIONS) {
    const copy = await tree.lookAt(path + extension).catch(() => undefined);
    if (copy?.info.isFile && Number(copy.info.mtime) >= Number(info.mtime)) {
      copies.set(encoding, copy);
    }
  }
  return copies;
}

/** Opens a copy; undefined if it may not be read, or is gone. */
async function openCopy(
  tree: FileTree,
  copy: FoundFile,
): Promise<OpenFile | undefined> {
  try {
    return await openFile(tree, copy);
  } catch {
    return undefined;
  }
}

/**
 * Returns the preferred encoding, if it is on offer.
 *
 * Of equal preferences the library takes the first. Browsers name br and zstd last,
 * so the items are put into our order. The library reads some bytes beyond ASCII as
 * white space, so a header with such bytes is ignored.
 */
function acceptedEncoding(
  headers: Headers,
  offers: readonly string[],
): string | undefined {
  const accepted = headers.get("accept-encoding");
  if (!accepted || offers.length === 0) return undefined;
  if (/[^\t -~]/.test(accepted)) return undefined;
  const items = accepted.split(",").toSorted((one, other) =>
    rankOf(one) - rankOf(other)
  );
  return acceptsEncodings(
    { headers: new Headers({ "accept-encoding": items.join() }) },
    ...offers,
    "identity",
  );
}

/** Returns the place of an item of `Accept-Encoding` in our order; others are last. */
function rankOf(item: string): number {
  const [, name = ""] = /^[\t ]*([^\t ;]*)/.exec(item) ?? [];
  const rank = [...EXTENSIONS.keys()].indexOf(name.toLowerCase());
  return rank === -1 ? EXTENSIONS.size : rank;
}
