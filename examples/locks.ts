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
  type Session,
  Site,
  type SiteRequest,
} from "../mod.ts";
import { page } from "./page.ts";
import { serve } from "./serve.ts";

/** The session that each document is locked by. */
const owners = new Map<string, Session | undefined>(
  ["budget", "menu", "plan"].map((name) => [name, undefined]),
);
const watchers = new Set<EventStream>();

function setOwner(name: string, owner: Session | undefined): void {
  owners.set(name, owner);
  for (const events of watchers) events.send(describeLocks());
}

/** Returns each document with the uid of its owner, as JSON. */
function describeLocks(): string {
  const locks = [...owners].map(([name, owner]) => [name, owner?.uid ?? ""]);
  return JSON.stringify(locks);
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

  override render_PUT(request: SiteRequest): Response {
    const session = request.getSession();
    const owner = owners.get(this.name);
    if (owner === undefined) setOwner(this.name, session);
    else if (owner !== session) throw new HttpError(409, "It is locked.");
    return new Response(null, { status: 204 });
  }

  override render_DELETE(request: SiteRequest): Response {
    if (owners.get(this.name) !== request.getSession()) {
      throw new HttpError(409, "It is not yours.");
    }
    setOwner(this.name, undefined);
    return new Response(null, { status: 204 });
  }
}

class LockEvents extends Resource {
  override render_GET(request: SiteRequest): Response {
    // Not getSession(): to watch is no visit.
    const events = request.session?.events(request);
    if (events === undefined) return new Response(null, { status: 204 });
    watchers.add(events);
    events.signal.addEventListener("abort", () => watchers.delete(events));
    events.send(describeLocks());
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

site.notifyOnSessionEnd(({ session }) => {
  for (const [name, owner] of owners) {
    if (owner === session) setOwner(name, undefined);
  }
});

if (import.meta.main) serve(site, "Visit / in two browsers, and lock");
