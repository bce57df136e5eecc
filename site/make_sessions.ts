import type { SessionFactory } from "../registry/sessions_options.ts";
import { OWNER } from "../session/internals.ts";
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
  // An accessor defined on the object itself would make all of it slow in V8.
  sessions[OWNER].factoryHolder = site;
  return sessions;
}
