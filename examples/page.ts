// How the pages of the examples look.

/** The stylesheet, for pages that may not have it inline. */
export const style = `:root { color-scheme: light dark; }
body {
  font: 1.125rem/1.6 system-ui, sans-serif;
  margin: 0 auto;
  max-width: 38rem;
  overflow-wrap: anywhere;
  padding: 2rem 1rem;
}
button, input, textarea { font: inherit; max-width: 100%; padding: 0.2em 0.6em; }
input, textarea { box-sizing: border-box; }
h1 { line-height: 1.2; }
label { display: block; margin: 0.6rem 0; }
li { margin: 0.5rem 0; }`;

/**
 * Returns a whole page.
 *
 * @param title The title and the heading, as HTML.
 * @param body What comes below the heading, as HTML.
 */
export function page(title: string, body: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
${style}
</style>
<main>
<h1>${title}</h1>
${body}
</main>
</html>
`;
}
