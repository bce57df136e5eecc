import { randomId } from "../base/ids.ts";
import { refuseForeignChange } from "../http/foreign_change.ts";
import type { EventStream } from "../live/event_stream.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import type { Session } from "../session.ts";

/**
 * The child of a session clock that keeps visitors present: each page holds a
 * stream of events open, and sends a message when it is closed.
 *
 * - GET returns the stream, without touching the session; its first event has the
 *   name of the stream. Without a session it returns a 204.
 * - POST closes the stream whose name is the body, if it is one of the same session.
 *   A proxy may hold the connection of a closed page open.
 */
export class SessionPresence extends Resource {
  readonly #streams = new WeakMap<Session, Map<string, EventStream>>();

  /** Opens the stream of a page. */
  override render_GET(request: SiteRequest): Rendered {
    const { session } = request;
    if (session === undefined) return new Response(null, { status: 204 });
    const events = session.events(request);
    const name = randomId();
    const streams = this.#streams.get(session) ?? new Map();
    this.#streams.set(session, streams.set(name, events));
    events.signal.addEventListener("abort", () => streams.delete(name));
    if (!events.isOpen) streams.delete(name);
    events.send({ event: "name", data: name });
    return events.response;
  }

  /** Closes the stream of a page. */
  override async render_POST(request: SiteRequest): Promise<Rendered> {
    refuseForeignChange(request, []);
    const { session } = request;
    const name = await request.text();
    if (session !== undefined) this.#streams.get(session)?.get(name)?.close();
    return new Response(null, { status: 204 });
  }
}
