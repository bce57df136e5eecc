import { trimSpace } from "./white_space.ts";

/**
 * Whether `If-None-Match` names an entity tag, by weak comparison (RFC 9110,
 * 13.1.2).
 */
export function namesWeakly(header: string, etag: string): boolean {
  return header === "*" ||
    tagsIn(header).some((tag) => opaque(tag) === opaque(etag));
}

/**
 * Whether `If-Match` names an entity tag, by strong comparison: a weak tag, or
 * none, is named by `*` only (RFC 9110, 13.1.1).
 */
export function namesStrongly(
  header: string,
  etag: string | undefined,
): boolean {
  if (header === "*") return true;
  return etag !== undefined && !etag.startsWith("W/") &&
    tagsIn(header).includes(etag);
}

/** Parts a list at each comma: a tag of ours has none. */
function tagsIn(header: string): string[] {
  return header.split(",").map(trimSpace);
}

/** Strips the mark of a weak tag. */
function opaque(tag: string): string {
  return tag.startsWith("W/") ? tag.slice(2) : tag;
}
