import { trimSpace } from "../base/white_space.ts";

/**
 * Returns whether `If-None-Match` names an entity tag, by weak comparison (RFC 9110,
 * 13.1.2).
 */
export function namesWeakly(header: string, etag: string): boolean {
  return header === "*" ||
    tagsIn(header).some((tag) => opaque(tag) === opaque(etag));
}

/**
 * Returns whether `If-Match` names an entity tag, by strong comparison. Only `*`
 * names a weak tag, or a resource without a tag (RFC 9110, 13.1.1).
 */
export function namesStrongly(
  header: string,
  etag: string | undefined,
): boolean {
  if (header === "*") return true;
  return etag !== undefined && !etag.startsWith("W/") &&
    tagsIn(header).includes(etag);
}

/** Splits a list at each comma; the tags that we send have no comma. */
function tagsIn(header: string): string[] {
  return header.split(",").map(trimSpace);
}

/** Strips the mark of a weak tag. */
function opaque(tag: string): string {
  return tag.startsWith("W/") ? tag.slice(2) : tag;
}
