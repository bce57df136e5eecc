/**
 * Headers that OWASP recommends for the pages of a site.
 *
 * Give them to a site as its `headers`, with changes of your own:
 *
 * - `Strict-Transport-Security`: two years, with subdomains. A site sends it over
 *   https only. Every subdomain must be served by https.
 * - `Content-Security-Policy`: scripts, pictures, forms and connections of this
 *   site only; no frames around it. Inline styles are allowed, inline scripts are
 *   not.
 * - `X-Frame-Options`: no frames, for browsers without the policy.
 * - `X-Content-Type-Options`: no guesses about the type of a file.
 * - `Referrer-Policy`: other sites see the origin only.
 * - `Cross-Origin-Opener-Policy` and `-Resource-Policy`: other sites can neither
 *   reach the window nor embed the files. A login in a popup of another site
 *   needs `same-origin-allow-popups`.
 * - `Permissions-Policy`: no camera, no microphone, no position.
 *
 * From the HTTP Headers Cheat Sheet of OWASP, and ASVS 5.0, V3.4.
 *
 * @example Usage
 * ```ts
 * import { Resource, securityHeaders, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * await using site = new Site(new Resource(), {
 *   headers: { ...securityHeaders, "x-frame-options": "SAMEORIGIN" },
 * });
 * const { headers } = await site.fetch(new Request("https://localhost/"));
 * assertEquals(headers.get("x-content-type-options"), "nosniff");
 * assertEquals(headers.get("x-frame-options"), "SAMEORIGIN");
 * ```
 */
export const securityHeaders: Readonly<Record<string, string>> = Object.freeze({
  "strict-transport-security": "max-age=63072000; includeSubDomains",
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  "referrer-policy": "strict-origin-when-cross-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
});
