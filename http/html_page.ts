import { visible } from "../base/describe.ts";
import { escape } from "@std/html";

/**
 * CSS declarations that all pages share: the colours of a light and a dark page,
 * and the font. Text has a contrast of at least 4.5 to `--page` and `--sheet`.
 *
 * Sizes are in rem, so that a visitor's own size of text counts.
 */
export const TOKENS: string = `color-scheme: light dark;
--page: light-dark(#f4f5f7, #0e1116);
--sheet: light-dark(#fff, #161b22);
--faint: light-dark(#eef0f3, #20262f);
--line: light-dark(#dfe3e8, #2a313b);
--edge: light-dark(#868f9c, #6d7887);
--text: light-dark(#1a1f27, #e7eaef);
--quiet: light-dark(#59626f, #9ba6b4);
--accent: light-dark(#1d57c4, #7fb0ff);
--on-accent: light-dark(#fff, #0b1a33);
--danger: light-dark(#b91c1c, #ff8078);
--font: 1rem/1.5 system-ui, sans-serif;
`;

/** The style of a page of text. */
const STYLE = `:root {
${TOKENS}font: var(--font); background: var(--page); color: var(--text) }
body { max-width: 40rem; margin: 0 auto; padding: 2rem 1rem; overflow-wrap: anywhere }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem }
p { margin: 0 }
a { color: var(--accent) }
button { font: inherit; color: inherit; background: var(--sheet); border: 1px solid var(--edge);
  border-radius: .5rem; min-height: 2.75rem; padding: 0 1rem; cursor: pointer }
button:hover { border-color: currentColor }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .25rem }
`;

/** The parts of a page. */
export interface HtmlPage {
  /** The title, as text. */
  readonly title: string;
  /** The content of the body, as HTML. */
  readonly body: string;
  /** Rules after those that all pages share. */
  readonly style?: string;
}

/**
 * Writes a page in English, in the style that all pages share: light and dark, for
 * screens from 320 pixels.
 */
export function htmlPage({ title, body, style = "" }: HtmlPage): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<style>
${STYLE}${style}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

/**
 * Returns the HTML of a text from outside, such as the name of a user or of a file.
 *
 * Markup, and what cannot be seen, is shown as escapes. `<bdi>` keeps a text that
 * runs from right to left from turning the text around it.
 */
export function outsideText(text: string): string {
  return `<bdi>${escape(visible(text))}</bdi>`;
}
