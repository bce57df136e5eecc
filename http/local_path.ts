/** A host that no path can name. */
const BASE = new URL("http://localhost");

/**
 * Returns a path of this host, with its query and fragment, as a browser would
 * understand it; undefined if a browser would go elsewhere.
 *
 * Browsers take `\` for a slash, ignore tabs and line breaks, and fold dots, so
 * `/\evil.example`, `/⇥/evil.example` and `/.//evil.example` lead to another host.
 */
export function localPath(text: string): string | undefined {
  if (!text.startsWith("/")) return undefined;
  const url = URL.parse(text, BASE);
  if (url === null || url.origin !== BASE.origin) return undefined;
  const path = url.pathname + url.search + url.hash;
  return path.startsWith("//") ? undefined : path;
}
