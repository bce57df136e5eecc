/**
 * A page where users see and end their sessions: "Where you are signed in".
 *
 * @module
 */

import { visible } from "../base/describe.ts";
import { checkOptions, type OptionRules, stringThat } from "../base/options.ts";
import { htmlPage, outsideText } from "../http/html_page.ts";
import { HttpError } from "../http/http_error.ts";
import { refuseForeignChange } from "../http/foreign_change.ts";
import type { SessionInfo } from "../registry/session_backend.ts";
import type { SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { escape } from "@std/html";

/** The options of {@linkcode SessionDevices}. */
export interface SessionDevicesOptions {
  /**
   * The address of the page after a user has signed out here, from the root of the
   * site: `"/login"`, for example.
   *
   * @default {"/"}
   */
  readonly signedOutPage?: string;
}

const RULES: OptionRules<SessionDevicesOptions> = {
  signedOutPage: stringThat(
    'a path such as "/login"',
    // Two slashes would be another host.
    (path) => /^\/(?![/\\])/.test(path),
  ),
};

/**
 * A page where users see their sessions in all processes, and sign out of one, or
 * of all others.
 *
 * Put it behind a guard, or anywhere in the tree: it shows the sessions of the
 * principal that has logged in, or of the guard's user, and answers 403 to others.
 * The option `describe` of the sessions gives each a text about its device. The
 * page runs no script.
 *
 * A form names a session by its uid. Only sessions of the same principal end, as
 * `"revoked"`; the request's own session ends by `logOut()`. Posts of other origins
 * are refused.
 *
 * @example Usage
 * ```ts
 * import { Resource, type SiteRequest } from "@curfew/web";
 * import { SessionDevices } from "@curfew/web/devices";
 * import { TestSite } from "@curfew/web/testing";
 * import { assertStringIncludes } from "@std/assert";
 *
 * class Login extends Resource {
 *   override render_GET(request: SiteRequest): string {
 *     return request.logIn("alice").uid;
 *   }
 * }
 *
 * const root = new Resource()
 *   .putChild("login", new Login())
 *   .putChild("devices", new SessionDevices());
 * await using testSite = new TestSite(root, {
 *   describe: ({ request }) => request.headers.get("user-agent") ?? "",
 * });
 * await testSite.fetch("/login", { headers: { "user-agent": "Firefox" } });
 * const page = await testSite.fetch("/devices");
 * assertStringIncludes(await page.text(), "Firefox");
 * ```
 */
export class SessionDevices extends Resource {
  readonly #signedOutPage: string;

  /**
   * Makes the page.
   *
   * @throws {TypeError} If an option is of the wrong kind, or unknown.
   * @throws {RangeError} If the address is not a path of this site.
   */
  constructor(options: SessionDevicesOptions = {}) {
    super();
    checkOptions("make the page of devices", options, RULES);
    this.#signedOutPage = options.signedOutPage ?? "/";
  }

  /** Shows the sessions, that of the request first, then the last active. */
  override async render_GET(request: SiteRequest): Promise<string> {
    const principal = principalOf(request);
    const here = request.session?.uid;
    const sessions = await request.sessions.list(principal);
    const isHere = (uid: string) => Number(uid === here);
    return devicesPage(
      sessions.toSorted((one, other) =>
        isHere(other.uid) - isHere(one.uid) ||
        other.lastModified - one.lastModified
      ),
      here,
    );
  }

  /** Ends one session, by the field `uid`, or all others, by `others`. */
  override async render_POST(request: SiteRequest): Promise<Response> {
    refuseForeignChange(request, []);
    principalOf(request);
    const form = await request.formData();
    // Meanwhile a login or a logout may have ended or replaced the session.
    const principal = principalOf(request);
    const { session, sessions } = request;
    if (form.has("others")) {
      const isOwn = session !== undefined && session.principal === principal;
      await sessions.endSessions(principal, isOwn ? { except: session } : {});
      return request.redirect(request.url.pathname, 303);
    }
    const uid = form.get("uid");
    if (uid === session?.uid) {
      request.logOut();
      return request.redirect(this.#signedOutPage, 303);
    }
    const own = await sessions.list(principal);
    if (own.some((info) => info.uid === uid)) await sessions.end(String(uid));
    // If the session is over already, the user has what they asked for.
    return request.redirect(request.url.pathname, 303);
  }
}

/**
 * Returns the principal, or the user whom a guard has authenticated.
 *
 * @throws {HttpError} 403 if the visitor has not logged in.
 */
function principalOf(request: SiteRequest): string {
  const principal = request.principal ?? request.user;
  if (principal !== undefined) return principal;
  throw new HttpError(403, "This page is for users who are signed in.");
}

/**
 * Writes the page.
 *
 * @param sessions The sessions of the user, in the order in which to show them.
 * @param here The uid of the session of the request.
 */
function devicesPage(
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
