import { acceptsEncodings } from "@std/http/negotiation";
import { checkReadable, type FileTree, type FoundFile } from "./file_tree.ts";

/** A file to send, or its compressed copy. */
export interface EncodedFile extends FoundFile {
  /** The encoding of a compressed copy. */
  readonly encoding: string | undefined;
  /** Whether other clients may get another encoding. */
  readonly isNegotiated: boolean;
}

/** The extensions of compressed copies, the best first. */
const EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ["br", ".br"],
  ["gzip", ".gz"],
]);

/**
 * Picks the file or the compressed copy that the client prefers.
 *
 * Ranges are always those of the file itself. A client could not combine ranges of
 * a copy with ranges of the file, and a multipart body cannot name an encoding.
 */
export async function pickEncoding(
  tree: FileTree,
  file: FoundFile,
  headers: Headers,
): Promise<EncodedFile> {
  const copies = new Map<string, FoundFile>();
  for (const [encoding, extension] of EXTENSIONS) {
    const copy = await findCopy(tree, file, extension);
    if (copy !== undefined) copies.set(encoding, copy);
  }
  const encoding = headers.has("range")
    ? undefined
    : acceptedEncoding(headers, [...copies.keys()]);
  const copy = encoding === undefined ? undefined : copies.get(encoding);
  return {
    ...(copy ?? file),
    encoding: copy === undefined ? undefined : encoding,
    isNegotiated: copies.size > 0,
  };
}

/** Finds a copy that is readable. Ignores one older than the file, which is stale. */
async function findCopy(
  tree: FileTree,
  file: FoundFile,
  extension: string,
): Promise<FoundFile | undefined> {
  try {
    const copy = await tree.lookAt(file.path + extension);
    if (!copy?.info.isFile) return undefined;
    if (Number(copy.info.mtime) < Number(file.info.mtime)) return undefined;
    await checkReadable(copy);
    return copy;
  } catch {
    return undefined;
  }
}

/**
 * Returns the preferred encoding, if it is on offer.
 *
 * Of equal preferences the library takes the first. Browsers name br last, so it
 * is moved to the front. The library reads some bytes beyond ASCII as white space,
 * so a header with such bytes is ignored.
 */
function acceptedEncoding(
  headers: Headers,
  offers: readonly string[],
): string | undefined {
  const accepted = headers.get("accept-encoding");
  if (!accepted || offers.length === 0) return undefined;
  if (/[^\t -~]/.test(accepted)) return undefined;
  const [brotli = [], others = []] = [true, false].map((isBrotli) =>
    accepted.split(",").filter((item) => /^\s*br\b/i.test(item) === isBrotli)
  );
  return acceptsEncodings(
    {
      headers: new Headers({
        "accept-encoding": [...brotli, ...others].join(),
      }),
    },
    ...offers,
    "identity",
  );
}
