// A clock with a view of its own: plain elements of the page, and no dialog.
//
//   deno run --allow-net examples/clock_elements.ts
//
// Visit http://localhost:8080/ and wait for ten seconds: a bar counts down from 20.
// Stay, sign out, or let it end.

import {
  listen,
  Resource,
  SessionClock,
  Site,
  type SiteRequest,
} from "../mod.ts";
import { StaticData } from "../resources/static.ts";

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
  document.querySelector("main").hidden = status === "ended";
  document.querySelector("#ended").hidden = status !== "ended";
}, { lead: 20 });
`;

class DeskPage extends Resource {
  override render_GET(request: SiteRequest): string {
    request.getSession();
    return `<!DOCTYPE html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<title>Desk</title>
<p id="bar" role="status" hidden>
  <span id="left"></span>
  <button id="stay">Stay</button> <button id="leave">Sign out</button>
</p>
<p id="note" role="status"></p>
<main><h1>Your desk</h1></main>
<p id="ended" hidden>You have been signed out. <a href="">Begin again</a></p>
<script src="desk.js" type="module"></script>
</html>`;
  }
}

const root = new Resource();
root.putChild("", new DeskPage());
root.putChild("desk.js", new StaticData(SCRIPT, "text/javascript"));
root.putChild("clock", new SessionClock());

export const site = new Site(root, { sessionTimeout: 30 });

if (import.meta.main) listen(site, "tcp:8080");
