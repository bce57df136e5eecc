/**
 * The page that lists the entries of a folder.
 *
 * @module
 */

import { basename } from "node:path";
import { escape } from "@std/html";
import { visible } from "../../base/visible_text.ts";
import { outsideText } from "../outside_text.ts";
import type { FoundFile } from "./file_tree.ts";

/** Units of size, each a thousand times the one before. */
const UNITS: readonly string[] = ["B", "kB", "MB", "GB", "TB"];

/**
 * Writes the page: folders first, by name, with sizes and times (UTC).
 *
 * @param title The folder's path in the URL.
 * @param entries The entries of the folder.
 * @param options.hasParent Whether to link to the folder above.
 */
export function directoryPage(
  title: string,
  entries: readonly FoundFile[],
  { hasParent }: { hasParent: boolean },
): string {
  const rows = entries.toSorted(compareEntries).map(rowOf);
  if (hasParent) rows.unshift(row(linkTo("../", "../")));
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(visible(title))}</title>
<style>
:root { color-scheme: light dark; font-family: system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { width: 100%; border-collapse: collapse }
th, td { padding: 0.3rem 0.5rem; text-align: left }
tbody tr { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
td:first-child { overflow-wrap: anywhere }
td + td { white-space: nowrap; font-variant-numeric: tabular-nums }
</style>
</head>
<body>
<h1>${outsideText(title)}</h1>
<table>
<thead><tr><th>Name</th><th>Size</th><th>Modified</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>
</body>
</html>
`;
}

function compareEntries(one: FoundFile, other: FoundFile): number {
  return Number(other.info.isDirectory) - Number(one.info.isDirectory) ||
    basename(one.path).localeCompare(basename(other.path), "en", {
      numeric: true,
    });
}

function rowOf({ path, info }: FoundFile): string {
  const slash = info.isDirectory ? "/" : "";
  const name = basename(path).toWellFormed();
  // Without the dot, a name with a colon would be read as a scheme.
  const link = linkTo(`./${encodeURIComponent(name)}${slash}`, name + slash);
  return row(
    link,
    info.isDirectory ? "" : formatSize(info.size),
    info.mtime === null ? "" : formatTime(info.mtime),
  );
}

function row(link: string, size = "", time = ""): string {
  return `<tr><td>${link}</td><td>${size}</td><td>${time}</td></tr>`;
}

function linkTo(url: string, text: string): string {
  return `<a href="${escape(url)}">${outsideText(text)}</a>`;
}

/** Formats a size as `1.2 MB`, with at most three digits. */
function formatSize(bytes: number): string {
  const power = Math.min(
    Math.floor(Math.log10(Math.max(bytes, 1)) / 3),
    UNITS.length - 1,
  );
  const size = bytes / 1000 ** power;
  return `${size.toFixed(power === 0 || size >= 10 ? 0 : 1)} ${UNITS[power]}`;
}

function formatTime(time: Date): string {
  const iso = time.toISOString();
  return `<time datetime="${iso}">${iso.slice(0, 16).replace("T", " ")}</time>`;
}
