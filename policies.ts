/**
 * Timeouts and cookies as authorities ask for them, to be spread into options.
 *
 * @module
 */

import type { SiteOptions } from "./site_options.ts";

/** Options for a site that keep to what an authority asks of sessions. */
export type SessionPolicy = Pick<
  SiteOptions,
  "sessionTimeout" | "absoluteTimeout" | "cookie" | "clearSiteData"
>;

/**
 * Policies for sessions, as plain data.
 *
 * - `owaspHighValue`: idle 5 minutes, in all 4 hours, SameSite=Strict, and the
 *   browser is told to forget everything at the logout. The OWASP Session
 *   Management Cheat Sheet has 2 to 5 minutes idle for high-value applications
 *   and 4 to 8 hours in all.
 * - `owaspLowRisk`: idle 30 minutes, in all 8 hours. There: 15 to 30 minutes
 *   idle for low-risk applications.
 * - `nistAal2`: idle 30 minutes, in all 12 hours, after which the user has to
 *   authenticate again: NIST SP 800-63B, revision 3, section 4.2.3. Revision 4
 *   lets sessions live longer.
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
