// A clock with a view of its own: plain elements of the page, and no dialog.
//
//   deno run --allow-net examples/clock_elements.ts
//
// Visit http://localhost:8080/ and wait for ten seconds: a bar counts down from 20.
// Stay, sign out, or let it end.

import { Resource, SessionClock, Site, type SiteRequest } from "../mod.ts";
import { StaticData } from "../resources/static.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

const SCRIPT = `
import { signOut, stay, subscribe } from "./clock/client.js";

const bar = document.querySelector("#bar");
const left = document.querySelector("#left");
const note = document.querySelector("#note");
document.querySelector("#stay").onclick = stay;
document.querySelector("#leave").onclick = signOut;

subscribe(({ status, secondsLeft, isReachable, failed }) => {
  bar.hidden = status !== "warning";
  left.textContent = secondsLeft + " s left";
  note.textContent = failed ? "That has failed" : isReachable ? "" : "Offline";
  document.querySelector("#desk").hidden = status === "ended";
  document.querySelector("#ended").hidden = status !== "ended";
}, { lead: 20 });
`;

class DeskPage extends Resource {
  override render_GET(request: SiteRequest): string {
    request.getSession();
    return page(
      "Your desk",
      `<p id="bar" role="status" hidden>
  <span id="left"></span>
  <button id="stay">Stay</button> <button id="leave">Sign out</button>
</p>
<p id="note" role="status"></p>
<p id="desk">Wait for ten seconds: a bar counts down. Stay, sign out, or let it
end.</p>
<p id="ended" hidden>You have been signed out. <a href="">Begin again</a></p>
<script src="desk.js" type="module"></script>`,
    );
  }
}

const root = new Resource();
root.putChild("", new DeskPage());
root.putChild("desk.js", new StaticData(SCRIPT, "text/javascript"));
root.putChild("clock", new SessionClock());

export const site = new Site(root, { sessionTimeout: 30 });

if (import.meta.main) serve(site, "Visit / and wait for ten seconds");
