import { describe } from "../base/describe.ts";
import { HTML } from "./response.ts";
import { escape } from "@std/html";

const REDIRECTS: readonly unknown[] = [301, 302, 303, 307, 308];

/**
 * Makes a response that redirects the client, with a page that links to the URL.
 *
 * @throws {RangeError} If the code is not 301, 302, 303, 307 or 308.
 */
export function redirectTo(url: string | URL, code: number): Response {
  if (!REDIRECTS.includes(code)) {
    throw new RangeError(
      `Cannot redirect with code ${describe(code)}: not one of ${
        REDIRECTS.join(", ")
      }`,
    );
  }
  const location = encodeUnprintable(String(url));
  const link = escape(location);
  return new Response(
    `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Redirecting</title></head>
<body><p>The page is at <a href="${link}">${link}</a>.</p></body>
</html>
`,
    { status: code, headers: [["content-type", HTML], ["location", location]] },
  );
}

/** Percent-encodes characters that a header cannot have, such as line breaks. */
function encodeUnprintable(text: string): string {
  return text.toWellFormed().replace(
    /[^\x21-\x7e]/gu,
    (character) => encodeURIComponent(character),
  );
}
