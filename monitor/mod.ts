/**
 * A page that shows the live sessions of a site, and the sessions that end.
 *
 * @module
 */

export type { MonitoredSessions, MonitoredSite } from "./monitored_site.ts";
export {
  SessionMonitor,
  type SessionMonitorOptions,
} from "./session_monitor.ts";
