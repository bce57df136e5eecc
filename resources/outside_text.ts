import { escape } from "@std/html";
import { visible } from "../base/visible_text.ts";

/**
 * Returns the HTML of a text from outside, such as the name of a user or of a file.
 *
 * Markup, and what cannot be seen, is shown as escapes. `<bdi>` keeps a text that
 * runs from right to left from turning the text around it.
 */
export function outsideText(text: string): string {
  return `<bdi>${escape(visible(text))}</bdi>`;
}
