import fs from "node:fs";

/** The parts of `Deno.FileInfo` that identify a file. */
interface FileIdentity {
  readonly dev: number;
  /** Null where the system has no inodes. */
  readonly ino: number | null;
}

/**
 * The number of stores of this thread that have each file open.
 *
 * No other code in the process may open such a file: POSIX drops all locks that
 * a process has on a file when the process closes any descriptor of the file.
 */
const filesInUse = new Map<string, number>();

/**
 * Marks files as in use. Ignores files that are absent or may not be read.
 *
 * @returns a function that removes the marks; call it once.
 */
export function markInUse(paths: readonly string[]): () => void {
  const keys = paths.map(keyAt).filter((key) => key !== undefined);
  for (const key of keys) filesInUse.set(key, (filesInUse.get(key) ?? 0) + 1);
  return () => {
    for (const key of keys) {
      const left = filesInUse.get(key)! - 1;
      if (left === 0) filesInUse.delete(key);
      else filesInUse.set(key, left);
    }
  };
}

/** Returns whether a file is in use, under any of its names. */
export function isInUse(info: FileIdentity): boolean {
  if (filesInUse.size === 0) return false;
  const key = keyOf(info);
  return key !== undefined && filesInUse.has(key);
}

/**
 * Returns whether the process may read a file without prompting the user. Runtimes
 * other than Deno never prompt.
 */
export function mayRead(path: string): boolean {
  const permission = globalThis.Deno?.permissions.querySync(
    { name: "read", path },
  );
  return permission === undefined || permission.state === "granted";
}

function keyAt(path: string): string | undefined {
  if (!mayRead(path)) return undefined;
  try {
    return keyOf(fs.statSync(path));
  } catch {
    return undefined;
  }
}

/** Identifies a file; undefined on Windows, where a lock belongs to one descriptor. */
function keyOf({ dev, ino }: FileIdentity): string | undefined {
  return ino === null ? undefined : `${dev}:${ino}`;
}
