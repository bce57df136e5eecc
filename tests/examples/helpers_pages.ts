/**
 * What the tests of examples read from their pages.
 *
 * @module
 */

/** Returns the first paragraph of a page, or all of an answer that has none. */
export function firstParagraph(answer: string): string {
  return /<p>(.*?)<\/p>/s.exec(answer)?.[1] ?? answer;
}
