import type { SessionFactory } from "../registry/sessions_options.ts";
import { Sessions } from "../sessions.ts";
import { sessionsOptionsOf, type SiteOptions } from "./site_options.ts";

/** A site that decides the class of its sessions. */
export interface FactorySite {
  sessionFactory: SessionFactory;
}

/** Makes the sessions of a site; their class is always that of the site. */
export function makeSessions(
  site: FactorySite,
  options: SiteOptions,
): Sessions {
  const sessions = new Sessions(sessionsOptionsOf(options));
  return Object.defineProperty(sessions, "sessionFactory", {
    get: () => site.sessionFactory,
    set: (sessionFactory: SessionFactory) => {
      site.sessionFactory = sessionFactory;
    },
  });
}
