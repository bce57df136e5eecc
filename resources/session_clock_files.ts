import { TOKENS } from "../http/html_page.ts";
import type { Resource } from "../resource.ts";
import { StaticData } from "./files/static_data.ts";
import { SessionPresence } from "./session_presence.ts";
import { watchSession } from "./session_clock_client.js";
import { countDown } from "./session_clock_deadline.js";
import { sessionClock } from "./session_clock_script.js";

/** The children of a session clock. */
export type ClockChildName = "script.js" | "client.js" | "presence";

/**
 * Makes a child of a session clock.
 *
 * The clock loads this module at the first request for one: the scripts, and the
 * code that serves data, are a tenth of the package.
 */
export function makeClockChild(name: ClockChildName): Resource {
  if (name === "presence") return new SessionPresence();
  const script = name === "script.js"
    ? `(${sessionClock})(${WATCH}, ${JSON.stringify(TOKENS)});\n`
    : CLIENT;
  return new StaticData(compact(script), "text/javascript; charset=utf-8");
}

/** The text of a function that watches the session at an address. */
const WATCH = `(url) => (${watchSession})(url, (${countDown})())`;

/** The module for pages with a view of their own. */
const CLIENT = `const url = new URL(".", import.meta.url).href.slice(0, -1);
export const { subscribe, look, stay, signOut } = (${WATCH})(url);
`;

/** Returns a script without its comments, its indentation and empty lines. */
function compact(script: string): string {
  return script.replace(/^ *\/\*\*[^]*?\*\/\n/gm, "").replace(
    /^ *\/\/.*\n/gm,
    "",
  )
    .replace(/^\s+/gm, "");
}
