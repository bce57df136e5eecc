import { acceptsEncodings } from "@std/http/negotiation";
import { checkReadable, type FileTree, type FoundFile } from "./file_tree.ts";

/** A file as it is to be sent. */
export interface EncodedFile extends FoundFile {
  /** How it is compressed, if it is. */
  readonly encoding: string | undefined;
  /** Whether another visitor may get it otherwise. */
  readonly isNegotiated: boolean;
}

/** The compressed copies that a file may have beside it, the best first. */
const EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ["br", ".br"],
  ["gzip", ".gz"],
]);

/**
 * Picks, of a file and its compressed copies, what the visitor likes best.
 *
 * Parts are always those of the file itself: a copy's would be of no use to who
 * has parts of the file, nor can a multipart body say how they are compressed.
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

/** A copy that can be read and is not older than the file: that would be stale. */
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
 * The encoding that is wanted most, if it is one of those on offer.
 *
 * Of those wanted alike the library takes the one that is named first, and
 * browsers name br last: it is moved to the front. It takes some bytes beyond
 * ASCII for white space, so that a header with one is passed over.
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
