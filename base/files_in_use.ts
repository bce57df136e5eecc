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
export function isInUse(info: Deno.FileInfo): boolean {
  if (filesInUse.size === 0) return false;
  const key = keyOf(info);
  return key !== undefined && filesInUse.has(key);
}

function keyAt(path: string): string | undefined {
  // Without the permission, statSync() would prompt the user.
  const permission = Deno.permissions.querySync({ name: "read", path });
  if (permission.state !== "granted") return undefined;
  try {
    return keyOf(Deno.statSync(path));
  } catch {
    return undefined;
  }
}

/** Identifies a file; undefined on Windows, where a lock belongs to one descriptor. */
function keyOf({ dev, ino }: Deno.FileInfo): string | undefined {
  return ino === null ? undefined : `${dev}:${ino}`;
}
