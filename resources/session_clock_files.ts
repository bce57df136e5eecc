import { TOKENS } from "../http/html_page.ts";
import type { Resource } from "../resource.ts";
import { StaticData } from "./files/static_data.ts";
import { watchSession } from "./session_clock_client.js";
import { sessionClock } from "./session_clock_script.js";

/** A script that a session clock serves to pages. */
export type ClockScript = "script.js" | "client.js";

/**
 * Makes the resource of a script.
 *
 * The session clock loads this module at the first request for one: the scripts,
 * and the code that serves data, are a tenth of the package.
 */
export function makeClockScript(name: ClockScript): Resource {
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
