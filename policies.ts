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

/**
 * Policies for sessions: plain objects to spread into the options of a site.
 *
 * - `owaspHighValue`: 5 minutes idle, 4 hours in total, SameSite=Strict. At the
 *   logout the browser deletes all data of the site. The OWASP Session Management
 *   Cheat Sheet recommends 2 to 5 minutes idle for high-value applications, and 4
 *   to 8 hours in total.
 * - `owaspLowRisk`: 30 minutes idle, 8 hours in total. The cheat sheet recommends
 *   15 to 30 minutes idle for low-risk applications.
 * - `nistAal2`: 30 minutes idle, 12 hours in total. Then the user has to
 *   authenticate again, by NIST SP 800-63B, revision 3, section 4.2.3. Revision 4
 *   allows longer sessions.
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
export const policies: Readonly<
  Record<"owaspHighValue" | "owaspLowRisk" | "nistAal2", SessionPolicy>
> = {
  owaspHighValue: {
    sessionTimeout: 5 * 60,
    absoluteTimeout: 4 * 60 * 60,
    cookie: { sameSite: "Strict" },
    clearSiteData: ["cache", "cookies", "storage"],
  },
  owaspLowRisk: {
    sessionTimeout: 30 * 60,
    absoluteTimeout: 8 * 60 * 60,
  },
  nistAal2: {
    sessionTimeout: 30 * 60,
    absoluteTimeout: 12 * 60 * 60,
  },
};
