// Locks: a document that you edit is yours, for as long as you are here.
//
//   deno run --allow-net examples/locks.ts
//
// Visit http://localhost:8080/ in two browsers, and lock a document in one of them:
// the other one sees it at once. The document is free again when you release it, or
// when you have done nothing for half a minute.

import {
  type EventStream,
  HttpError,
  Resource,
  SameOrigin,
  Site,
  type SiteRequest,
} from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

/** The uid of the session that each document is locked by, or "". */
const owners = new Map(["budget", "menu", "plan"].map((name) => [name, ""]));
const watchers = new Set<EventStream>();

function setOwner(name: string, owner: string): void {
  owners.set(name, owner);
  for (const events of watchers) events.send(JSON.stringify([...owners]));
}

class Locks extends Resource {
  override getChild(name: string): Resource | undefined {
    return owners.has(name) ? new Lock(name) : undefined;
  }
}

class Lock extends Resource {
  constructor(readonly name: string) {
    super();
  }

  override async render_PUT(request: SiteRequest): Promise<Response> {
    const session = request.getSession();
    // Over a store of sessions, the session holds the lock in all processes.
    const hold = await session.hold(this.name, {
      then: "free",
      argument: this.name,
    });
    if (hold === undefined) throw new HttpError(409, "It is locked.");
    if (session.isActive) setOwner(this.name, session.uid);
    // A program that writes the document sends this number with it, so that a
    // server which has seen a greater one refuses the text.
    return Response.json({ fence: hold.fence });
  }

  override async render_DELETE(request: SiteRequest): Promise<Response> {
    const { session } = request;
    const isReleased = await session?.release(this.name);
    if (!isReleased) throw new HttpError(409, "It is not yours.");
    // The next owner may have come already.
    if (owners.get(this.name) === session?.uid) setOwner(this.name, "");
    return new Response(null, { status: 204 });
  }
}

class LockEvents extends Resource {
  override render_GET(request: SiteRequest): Response {
    // Not getSession(): to watch does not count as a visit.
    const events = request.session?.events(request);
    if (events === undefined) return new Response(null, { status: 204 });
    watchers.add(events);
    events.signal.addEventListener("abort", () => watchers.delete(events));
    events.send(JSON.stringify([...owners]));
    return events.response;
  }
}

class DocumentsPage extends Resource {
  override render_GET(request: SiteRequest): string {
    return page(
      "Documents",
      `<p>Lock one, and look at this page in another browser.</p>
<ul id="list"></ul>
<p id="state" role="status"></p>
<script>
const me = "${request.getSession().uid}";
const events = new EventSource("events");
events.onmessage = ({ data }) => list.replaceChildren(...JSON.parse(data).map(line));
events.addEventListener("end", () => {
  events.close();
  list.replaceChildren();
  state.textContent = "Your session has ended, and your locks with it: reload.";
});
function line([name, owner]) {
  const button = document.createElement("button");
  button.textContent = owner === me ? "Release" : owner ? "Locked" : "Lock";
  button.disabled = owner && owner !== me;
  button.onclick = () => fetch("locks/" + name, { method: owner ? "DELETE" : "PUT" });
  const item = document.createElement("li");
  item.append(name, " ", button);
  return item;
}
</script>`,
    );
  }
}

const root = new Resource().putChild("", new DocumentsPage())
  .putChild("locks", new Locks()).putChild("events", new LockEvents());
export const site = new Site(new SameOrigin(root), { sessionTimeout: 30 });

// However a session ends, its locks are free.
site.onEnd("free", (name) => setOwner(name as string, ""));

if (import.meta.main) serve(site, "Visit / in two browsers, and lock");
