import { TOKENS } from "../http/html_page.ts";
import type { Resource } from "../resource.ts";
import { StaticData } from "./files/static_data.ts";
import { SessionPresence } from "./session_presence.ts";
import { watchSession } from "./session_clock_client.js";
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
    ? `(${sessionClock})(${watchSession}, ${JSON.stringify(TOKENS)});\n`
    : CLIENT;
  return new StaticData(compact(script), "text/javascript; charset=utf-8");
}

/** The module for pages with a view of their own. */
const CLIENT = `const url = new URL(".", import.meta.url).href.slice(0, -1);
export const { subscribe, look, stay, signOut } = (${watchSession})(url);
`;

/** Returns a script without its comments and indentation. */
function compact(script: string): string {
  return script.replace(/^ *\/\*\*[^]*?\*\/\n/gm, "").replace(
    /^ *\/\/.*\n/gm,
    "",
  )
    .replace(/^ +/gm, "");
}
