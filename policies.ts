/**
 * Options for sessions as security standards recommend them.
 *
 * @module
 */

import type { SiteOptions } from "./site/site_options.ts";

/** Options of a site that follow the recommendations of a standard. */
export type SessionPolicy = Pick<
  SiteOptions,
  "sessionTimeout" | "absoluteTimeout" | "cookie" | "clearSiteData"
>;

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The names of the {@linkcode policies}. */
export type SessionPolicyName =
  | "owaspHighValue"
  | "owaspLowRisk"
  | "nistAal2"
  | "nist4Aal1"
  | "nist4Aal2"
  | "nist4Aal3"
  | "asvs5Level1"
  | "asvs5Level2"
  | "asvs5Level3";

/**
 * Policies for sessions: plain objects to spread into the options of a site.
 *
 * | policy | idle | in total | from |
 * | --- | --- | --- | --- |
 * | `owaspHighValue` | 5 min | 4 h | OWASP Session Management Cheat Sheet: 2 to 5 minutes for high-value applications, 4 to 8 hours in total; SameSite=Strict, and the browser deletes all data at the logout |
 * | `owaspLowRisk` | 30 min | 8 h | the same: 15 to 30 minutes for low-risk applications |
 * | `nist4Aal1` | 30 d | 30 d | NIST SP 800-63B-4, 2.1.3: 30 days in total; no limit of idle time is required |
 * | `nist4Aal2` | 1 h | 24 h | NIST SP 800-63B-4, 2.2.3 |
 * | `nist4Aal3` | 15 min | 12 h | NIST SP 800-63B-4, 2.3.3 |
 * | `nistAal2` | 30 min | 12 h | NIST SP 800-63B, revision 3, 4.2.3, which revision 4 replaces |
 * | `asvs5Level1` | 15 min | none | OWASP ASVS 5, 3.3.1 and 14.3.1; level 1 asks for no timeouts |
 * | `asvs5Level2` | 1 h | 24 h | OWASP ASVS 5, 7.3.1 and 7.3.2, with the values of NIST's AAL2, as 7.1.1 has it |
 * | `asvs5Level3` | 15 min | 12 h | the same, with those of AAL3 |
 *
 * After the total time the user has to log in again. The policies of NIST's
 * revision 4 and of ASVS set `cookie.secure` (5.1.1 and 3.3.1), so they need https,
 * or localhost. Those of ASVS ask the browser to delete the site's data at a logout
 * (14.3.1).
 *
 * A standard asks for more than these options: see the table of requirements in
 * SECURITY.md.
 *
 * @example Usage
 * ```ts
 * import { policies, Resource, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * await using site = new Site(new Resource(), { ...policies.owaspHighValue });
 * assertEquals(site.makeSession().sessionTimeout, 300);
 * ```
 */
export const policies: Readonly<Record<SessionPolicyName, SessionPolicy>> = {
  owaspHighValue: {
    sessionTimeout: 5 * MINUTE,
    absoluteTimeout: 4 * HOUR,
    cookie: { sameSite: "Strict" },
    clearSiteData: ["cache", "cookies", "storage"],
  },
  owaspLowRisk: { sessionTimeout: 30 * MINUTE, absoluteTimeout: 8 * HOUR },
  nistAal2: { sessionTimeout: 30 * MINUTE, absoluteTimeout: 12 * HOUR },
  nist4Aal1: {
    // 2.1.3: "An inactivity timeout MAY be applied, but is not required".
    sessionTimeout: 30 * DAY,
    // 2.1.3: "SHOULD be no more than 30 days".
    absoluteTimeout: 30 * DAY,
    // 5.1.1: "accessible only on secure (i.e., HTTPS) sessions".
    cookie: { secure: true },
  },
  nist4Aal2: {
    // 2.2.3: "SHOULD be no more than 1 hour".
    sessionTimeout: HOUR,
    // 2.2.3: "SHOULD be no more than 24 hours".
    absoluteTimeout: DAY,
    // 5.1.1.
    cookie: { secure: true },
  },
  nist4Aal3: {
    // 2.3.3: "SHOULD be no more than 15 minutes".
    sessionTimeout: 15 * MINUTE,
    // 2.3.3: "SHALL be no more than 12 hours".
    absoluteTimeout: 12 * HOUR,
    // 5.1.1.
    cookie: { secure: true },
  },
  asvs5Level1: {
    // 3.3.1: cookies have the Secure attribute, and a prefix.
    cookie: { secure: true },
    // 14.3.1: data of the user is cleared when the session is over.
    clearSiteData: ["cache", "storage"],
  },
  asvs5Level2: {
    // 7.3.1, with NIST SP 800-63B-4, 2.2.3.
    sessionTimeout: HOUR,
    // 7.3.2, with the same.
    absoluteTimeout: DAY,
    // 3.3.1 and 14.3.1.
    cookie: { secure: true },
    clearSiteData: ["cache", "storage"],
  },
  asvs5Level3: {
    // 7.3.1, with NIST SP 800-63B-4, 2.3.3.
    sessionTimeout: 15 * MINUTE,
    // 7.3.2, with the same.
    absoluteTimeout: 12 * HOUR,
    // 3.3.1 and 14.3.1.
    cookie: { secure: true },
    clearSiteData: ["cache", "storage"],
  },
};

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
