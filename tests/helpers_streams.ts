/**
 * What the tests of streams share.
 *
 * @module
 */

import { assert } from "@std/assert";
import { SessionStreams } from "../live/session_streams.ts";
import type { Site, SiteRequest } from "../mod.ts";
import { requestWith } from "./helpers_session.ts";

/** The streams of a request's session, without a limit. */
export function streamsOf(request: SiteRequest): SessionStreams {
  const streamLimits = { perSession: Infinity, perSite: Infinity };
  const owner = { isStored: false, streamLimits };
  return new SessionStreams(request.getSession(), owner, {});
}

/** What a visitor reads of a stream of events. */
export class EventReader {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(response: Response) {
    this.response = response;
    assert(response.body !== null);
    this.#reader = response.body.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** The lines of the next event, or comment; undefined at the end. */
  async next(): Promise<string[] | undefined> {
    while (!this.#text.includes("\n\n")) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
    const end = this.#text.indexOf("\n\n");
    const lines = this.#text.slice(0, end).split("\n");
    this.#text = this.#text.slice(end + 2);
    return lines;
  }

  /** All that is still to come. */
  async rest(): Promise<string[][]> {
    const events: string[][] = [];
    for (;;) {
      const event = await this.next();
      if (event === undefined) return events;
      events.push(event);
    }
  }

  /** The visitor leaves. */
  leave(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** Opens a stream of events as a visitor does. */
export async function openEvents(
  site: Site,
  cookie?: string,
): Promise<EventReader> {
  return new EventReader(await site.fetch(requestWith(cookie)));
}
