/**
 * The page of {@linkcode SessionDevices}.
 *
 * @module
 */

import { escape } from "@std/html";
import { visible } from "../base/describe.ts";
import { htmlPage, outsideText } from "../http/html_page.ts";
import type { SessionInfo } from "../registry/session_info.ts";

/**
 * Writes the page.
 *
 * @param sessions The sessions of the user, in the order in which to show them.
 * @param here The uid of the session of the request.
 */
export function devicesPage(
  sessions: readonly SessionInfo[],
  here: string | undefined,
): string {
  const items = sessions.map((session) =>
    itemOf(session, session.uid === here)
  );
  const hasOthers = sessions.some(({ uid }) => uid !== here);
  return htmlPage({
    title: "Where you are signed in",
    style: STYLE,
    body: `<main>
<h1>Where you are signed in</h1>
<ul>
${items.join("\n")}
</ul>
${hasOthers ? OTHERS : ""}</main>`,
  });
}

const STYLE = `ul { list-style: none; margin: 0 0 1.5rem; padding: 0 1rem;
  background: var(--sheet); border: 1px solid var(--line); border-radius: .75rem }
li { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center;
  justify-content: space-between; padding: .75rem 0 }
li + li { border-top: 1px solid var(--line) }
li > div { flex: 1 1 14rem; min-width: 0 }
p + p { color: var(--quiet) }
`;

const OTHERS = `<form method="post">
<button name="others" value="1">Sign out of all other devices</button>
</form>
`;

function itemOf(session: SessionInfo, isHere: boolean): string {
  const { uid, description, authenticatedAt, createdAt, lastModified } =
    session;
  const name = description || "Unknown device";
  const label = isHere
    ? "Sign out here"
    : `Sign out of ${visible(name)}, signed in ${
      textOf(authenticatedAt ?? createdAt)
    }`;
  return `<li>
<div>
<p><strong>${outsideText(name)}</strong>${isHere ? " (this device)" : ""}</p>
<p>Signed in ${timeOf(authenticatedAt ?? createdAt)}${
    isHere ? "" : `, last active ${timeOf(lastModified)}`
  }</p>
</div>
<form method="post">
<button name="uid" value="${escape(uid)}" aria-label="${
    escape(label)
  }">Sign out</button>
</form>
</li>`;
}

/** Writes a time, given in UNIX seconds. */
function timeOf(seconds: number): string {
  const iso = new Date(seconds * 1000).toISOString();
  return `<time datetime="${iso}">${textOf(seconds)}</time>`;
}

/** Writes a time as text, in UTC. */
function textOf(seconds: number): string {
  const iso = new Date(seconds * 1000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}
