/**
 * The page that lists the entries of a folder.
 *
 * @module
 */

import { basename } from "node:path";
import { escape } from "@std/html";
import { visible } from "../../base/describe.ts";
import { htmlPage, outsideText } from "../../http/html_page.ts";
import type { FoundFile } from "./file_tree.ts";

/** Units of size, each a thousand times the one before. */
const UNITS: readonly string[] = ["B", "kB", "MB", "GB", "TB"];

/**
 * On a phone, the time of a file breaks into two lines before its name does, and
 * the smallest phones have room for the name and the size only.
 */
const STYLE = `body { max-width: 60rem }
table { width: 100%; border-collapse: collapse; background: var(--sheet);
  border: 1px solid var(--line) }
th, td { padding: .5rem .75rem; text-align: left; vertical-align: top }
th { font-weight: 400; font-size: .875rem; color: var(--quiet) }
tr > :first-child { width: 100% }
tr > :nth-child(2) { text-align: right }
tbody tr { border-top: 1px solid var(--line) }
tr > :not(:first-child) { white-space: nowrap; overflow-wrap: normal }
td { font-variant-numeric: tabular-nums }
p { padding: 1rem 0 }
@media (max-width: 35rem) {
  th, td { padding: .5rem }
  tr > :nth-child(3) { white-space: normal }
  span { white-space: nowrap }
}
@media (max-width: 24rem) {
  tr > :nth-child(3) { display: none }
}
`;

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
  return htmlPage({
    title: visible(title),
    style: STYLE,
    body: `<main>
<h1>${outsideText(title)}</h1>
<table>
<thead><tr><th scope="col">Name</th><th scope="col">Size</th><th scope="col">Modified (UTC)</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>${entries.length === 0 ? "\n<p>This folder is empty.</p>" : ""}
</main>`,
  });
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
  const [day, clock] = [iso.slice(0, 10), iso.slice(11, 16)];
  return `<time datetime="${iso}"><span>${day}</span> <span>${clock}</span></time>`;
}
