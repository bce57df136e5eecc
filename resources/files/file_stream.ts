import type { ByteRange, Piece } from "../../http/byte_ranges.ts";
import type { FoundFile } from "./file_tree.ts";

/**
 * The most bytes that are read at once. A client that stops reading holds that
 * much memory, and larger reads are hardly faster.
 */
const CHUNK_SIZE = 64 * 1024;

/**
 * Returns a stream of pieces of a file, each read on demand.
 *
 * The file is opened at the first read, so an unread stream holds no file. It is
 * closed at the end, at an error and when the stream is cancelled. The stream
 * fails if the file is not the one that was found, for example because a link has
 * replaced it, or if the file is shorter than the length that was sent.
 */
export function streamFile(
  file: FoundFile,
  pieces: readonly Piece[],
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(readPieces(file, pieces));
}

async function* readPieces(
  { path, info }: FoundFile,
  pieces: readonly Piece[],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  if (!isSame(await file.stat(), info)) throw changed(path);
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) yield piece;
    else yield* readRange(file, { path, range: piece });
  }
}

async function* readRange(
  file: Deno.FsFile,
  { path, range }: { path: string; range: ByteRange },
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  await file.seek(range.start, Deno.SeekMode.Start);
  for (let left = range.end - range.start; left > 0;) {
    const buffer = new Uint8Array(Math.min(left, CHUNK_SIZE));
    const count = await file.read(buffer);
    if (count === null) throw changed(path);
    yield buffer.subarray(0, count);
    left -= count;
  }
}

function isSame(one: Deno.FileInfo, other: Deno.FileInfo): boolean {
  return one.ino === other.ino && one.size === other.size &&
    one.mtime?.getTime() === other.mtime?.getTime();
}

function changed(path: string): Error {
  return new Error(`Cannot send "${path}": the file changed meanwhile`);
}
