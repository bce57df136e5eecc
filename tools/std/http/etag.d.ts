/** What {@linkcode eTag} needs to know of a file. */
export interface FileInfo {
  /** When the file was last changed, if known. */
  mtime: Date | null;
  /** Size in bytes. */
  size: number;
}

/** Options of {@linkcode eTag}. */
export interface ETagOptions {
  /** Digest to use, SHA-256 by default. */
  algorithm?: AlgorithmIdentifier;
  /** Whether the tag is weak; by default it is for a file alone. */
  weak?: boolean;
}

/** Makes the entity tag of a text or of bytes. */
export function eTag(
  entity: string | ReturnType<TextEncoder["encode"]>,
  options?: ETagOptions,
): Promise<string>;

/** Makes the entity tag of a file, `undefined` without a time of change. */
export function eTag(
  entity: FileInfo,
  options?: ETagOptions,
): Promise<string | undefined>;

/** Whether the `If-Match` header lets the request pass. */
export function ifMatch(
  value: string | null,
  etag: string | undefined,
): boolean;

/** Whether the `If-None-Match` header lets the request pass. */
export function ifNoneMatch(
  value: string | null,
  etag: string | undefined,
): boolean;
