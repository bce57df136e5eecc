import { describe } from "../../base/describe.ts";
import type { ByteRange, Piece } from "../../http/byte_ranges.ts";
import type { FileTree, FoundFile } from "./file_tree.ts";

/**
 * The most bytes that are read at once. A client that stops reading holds that
 * much memory, and larger reads are hardly faster.
 */
const CHUNK_SIZE = 64 * 1024;

/** The most times that a file is opened again because it was replaced meanwhile. */
const MAX_TRIES = 100;

/**
 * An open file, with the system's facts about it. Another file of the same name
 * changes neither.
 */
export class OpenFile implements Disposable {
  readonly path: string;
  readonly info: Deno.FileInfo;
  readonly #file: Deno.FsFile;
  /** The place of the next read, to save calls of seek(). */
  #position = 0;
  #isClosed = false;

  constructor(file: Deno.FsFile, { path, info }: FoundFile) {
    this.#file = file;
    this.path = path;
    this.info = info;
  }

  /** Reads pieces of the file, each chunk on demand; throws if it is too short. */
  async *read(
    pieces: readonly Piece[],
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (const piece of pieces) {
      if (piece instanceof Uint8Array) yield piece;
      else yield* this.#readRange(piece);
    }
  }

  /** Closes the file; a second call does nothing. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#file.close();
  }

  async *#readRange(
    { start, end }: ByteRange,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    if (start !== this.#position) {
      await this.#file.seek(start, Deno.SeekMode.Start);
      this.#position = start;
    }
    while (this.#position < end) {
      const buffer = new Uint8Array(Math.min(end - this.#position, CHUNK_SIZE));
      const count = await this.#file.read(buffer);
      if (count === null) {
        throw new Error(
          `Cannot send ${
            describe(this.path)
          }: the file changed meanwhile, from ${this.info.size} bytes to ${this.#position}`,
        );
      }
      this.#position += count;
      yield buffer.subarray(0, count);
    }
  }
}

/**
 * Opens a file of a tree. If the file is replaced meanwhile, the new one is opened.
 *
 * @returns undefined if the file is gone, or was replaced by something that is not
 * a file of the tree.
 * @throws {Deno.errors.PermissionDenied} If it may not be read.
 */
export async function openFile(
  tree: FileTree,
  found: FoundFile,
): Promise<OpenFile | undefined> {
  const { path } = found;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const file = await Deno.open(path);
    try {
      const info = await file.stat();
      // A link may have taken the place of the file that was examined.
      if (isSame(info, found.info)) return new OpenFile(file, { path, info });
      file.close();
    } catch (error) {
      file.close();
      throw error;
    }
    const other = await tree.lookAt(path);
    if (!other?.info.isFile) return undefined;
    found = other;
  }
  throw new Error(
    `Cannot open ${describe(path)}: it is replaced again and again`,
  );
}

/**
 * Returns pieces of a file as a body, which closes the file at its end.
 *
 * Few bytes are read at once, without a stream: then a file that is too short leads
 * to an error page. More bytes become a stream that reads on demand, and that
 * closes the file also when it is cancelled.
 */
export async function bodyOf(
  file: OpenFile,
  pieces: readonly Piece[],
): Promise<BodyInit> {
  const length = pieces.reduce((sum, piece) => sum + lengthOf(piece), 0);
  if (length > CHUNK_SIZE) return streamOf(file, pieces);
  try {
    const chunks = await Array.fromAsync(file.read(pieces));
    return chunks.length === 1 ? chunks[0]! : new Blob(chunks);
  } finally {
    file[Symbol.dispose]();
  }
}

/** Closes the files of streams that are dropped without being read or cancelled. */
const dropped = new FinalizationRegistry<OpenFile>((file) =>
  file[Symbol.dispose]()
);

function streamOf(
  file: OpenFile,
  pieces: readonly Piece[],
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunks = file.read(pieces);
  const end = () => {
    dropped.unregister(file);
    file[Symbol.dispose]();
  };
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next();
        if (!done) return controller.enqueue(value);
      } catch (error) {
        end();
        throw error;
      }
      end();
      controller.close();
    },
    cancel: end,
  }, { highWaterMark: 0 });
  dropped.register(stream, file, file);
  return stream;
}

function isSame(one: Deno.FileInfo, other: Deno.FileInfo): boolean {
  // A folder that takes the place of a deleted file may get its number.
  return one.isFile && one.ino === other.ino && one.dev === other.dev;
}

function lengthOf(piece: Piece): number {
  return piece instanceof Uint8Array
    ? piece.byteLength
    : piece.end - piece.start;
}
