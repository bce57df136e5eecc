import { visible } from "../base/describe.ts";
import { randomId } from "../base/ids.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import type { SessionEndReason } from "../session.ts";
import { Alarm } from "../timing/expiry_queue.ts";
import type { MonitoredSite } from "./monitored_site.ts";
import type { ListedSessions } from "./listed_sessions.ts";
import type { MonitorView } from "./monitor_view.ts";
import { type MonitorParts, sharedParts } from "./page_parts.ts";
import { listedParts } from "./session_rows.ts";
import { openViewerStream, type ViewerStream } from "./viewer_stream.ts";
import type { SessionHistory } from "./session_history.ts";
import type { StoreFigures } from "./store_figures.ts";

/** The most viewers at the same time. */
export const MAX_VIEWERS = 32;

/** Milliseconds between two updates of all parts. */
const UPDATE_EVERY = 1000;

/** Milliseconds from an end to its message, which further ends share. */
const GATHER_FOR = 200;

/** The shortest time between two announcements to a viewer, in milliseconds. */
const ANNOUNCE_EVERY = 5000;

/** The longest time between two messages to a viewer, in milliseconds. */
const MESSAGE_EVERY = 10_000;

/**
 * The longest life of a stream, in milliseconds. Then the browser opens another
 * one, and the guard checks again whether the viewer may see the page: a password
 * may have changed.
 */
const LOOK_FOR = 5 * 60_000;

interface MonitorMessage {
  /** Identifies the run of the program. */
  readonly boot: string;
  /** UNIX seconds. */
  readonly now: number;
  /** The parts of the page that have changed. */
  readonly parts: Partial<MonitorParts>;
  /** The last sessions that have ended since the message before. */
  readonly ended: readonly (readonly [uid: string, reason: SessionEndReason])[];
  /** A sentence for screen readers; `""` for none. */
  readonly announcement: string;
}

/** An open stream of messages. Times are UNIX milliseconds. */
interface Viewer {
  readonly view: MonitorView;
  /** The parts that were sent last. */
  readonly sent: Partial<Record<keyof MonitorParts, string>>;
  sentAt: number;
  /** The number of ends at the last message. */
  endCount: number;
  announcedAt: number;
  /** The number of ends at the last announcement. */
  announcedCount: number;
  /**
   * The time at which the stream is closed, so that the guard checks the viewer
   * again.
   */
  readonly until: number;
  readonly stream: ViewerStream;
}

/** The sources of the parts of the page. */
export interface MonitorSources {
  /** It must listen to the site before the viewers do. */
  readonly history: SessionHistory;
  readonly listed: ListedSessions;
  readonly figures: StoreFigures;
}

/** Sends changes to the viewers. Its timers run only while there are viewers. */
export class MonitorViewers {
  readonly #site: MonitoredSite;
  readonly #history: SessionHistory;
  readonly #listed: ListedSessions;
  readonly #figures: StoreFigures;
  readonly #viewers = new Set<Viewer>();
  readonly #updates: Alarm;
  readonly #ends: Alarm;
  readonly #boot = randomId();

  constructor(
    site: MonitoredSite,
    { history, listed, figures }: MonitorSources,
  ) {
    this.#site = site;
    this.#history = history;
    this.#listed = listed;
    this.#figures = figures;
    this.#updates = new Alarm(site.clock, () => {
      this.#ringIn(this.#updates, UPDATE_EVERY);
      this.#update([...this.#viewers], true);
    });
    this.#ends = new Alarm(
      site.clock,
      () => void this.#update([...this.#viewers], false),
    );
    site.notifyOnSessionEnd(() => {
      if (this.#viewers.size > 0) this.#ringIn(this.#ends, GATHER_FOR);
    });
  }

  /** Whether no more viewers can be added. */
  get isFull(): boolean {
    return this.#viewers.size >= MAX_VIEWERS;
  }

  /** Adds a viewer, and returns its server-sent events. */
  open(view: MonitorView, request: SiteRequest): Rendered {
    const { endCount } = this.#history;
    const viewer: Viewer = {
      view,
      sent: {},
      sentAt: -Infinity,
      endCount,
      announcedAt: -Infinity,
      announcedCount: endCount,
      until: this.#site.clock.now() + LOOK_FOR,
      stream: openViewerStream(request, () => this.#remove(viewer)),
    };
    this.#viewers.add(viewer);
    this.#update([viewer], true);
    this.#ringIn(this.#updates, UPDATE_EVERY);
    return viewer.stream.rendered;
  }

  #remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    this.#updates.clear();
    this.#ends.clear();
  }

  /** Closes the streams of viewers who may not see the page any more. */
  #dismiss(viewers: readonly Viewer[]): void {
    const now = this.#site.clock.now();
    for (const { stream, until } of viewers) {
      if (now >= until || !stream.mayLook()) stream.close();
    }
  }

  #ringIn(alarm: Alarm, delay: number): void {
    const now = this.#site.clock.now();
    alarm.setFor(now + delay, now);
  }

  /**
   * Sends viewers the parts that have changed; never rejects.
   *
   * @param isFull Whether to list the sessions too, which takes longest.
   */
  async #update(viewers: readonly Viewer[], isFull: boolean): Promise<void> {
    try {
      this.#dismiss(viewers);
      // A viewer that still has a message to read is sent all changes later.
      const ready = viewers.filter(({ stream }) => stream.isReady);
      const figures = {
        active: this.#site.sessions.size,
        store: this.#figures.shown,
      };
      const shared = sharedParts(figures, this.#history, undefined);
      for (const viewer of ready) {
        const listed = isFull
          ? listedParts(await this.#listed.list(viewer.view), {
            view: viewer.view,
            now: undefined,
          })
          : {};
        const { stream } = viewer;
        if (stream.isReady && stream.mayLook()) {
          this.#send(viewer, { ...shared, ...listed });
        }
      }
    } catch (error) {
      this.#site.reportError(error, {});
    }
  }

  #send(viewer: Viewer, parts: Partial<MonitorParts>): void {
    const changed = takeChanges(viewer, parts);
    const { endCount, ends } = this.#history;
    const newEnds = endCount - viewer.endCount;
    const now = this.#site.clock.now();
    if (
      newEnds === 0 && Object.keys(changed).length === 0 &&
      now < viewer.sentAt + MESSAGE_EVERY
    ) return;
    viewer.endCount = endCount;
    viewer.sentAt = now;
    const ended = newEnds === 0 ? [] : ends.slice(-newEnds);
    const message: MonitorMessage = {
      boot: this.#boot,
      now: now / 1000,
      parts: changed,
      ended: ended.map(({ uid, reason }) => [uid, reason]),
      announcement: this.#announce(viewer, now),
    };
    viewer.stream.send(message);
  }

  /** Returns a sentence about the ends since the last announcement, or `""`. */
  #announce(viewer: Viewer, now: number): string {
    const { endCount, ends } = this.#history;
    const count = endCount - viewer.announcedCount;
    if (count === 0 || now < viewer.announcedAt + ANNOUNCE_EVERY) return "";
    viewer.announcedCount = endCount;
    viewer.announcedAt = now;
    const sentence = count === 1
      ? "1 session ended"
      : `${count.toLocaleString("en")} sessions ended`;
    if (count > ends.length) return sentence;
    const reasons = new Map<SessionEndReason, number>();
    for (const { reason } of ends.slice(-count)) {
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    return `${sentence}: ${
      [...reasons].map(([reason, count]) => `${count} ${visible(reason)}`).join(
        ", ",
      )
    }`;
  }
}

/** Returns the parts that differ from those sent last, and marks them as sent. */
function takeChanges(
  viewer: Viewer,
  parts: Partial<MonitorParts>,
): Partial<MonitorParts> {
  const changed = Object.fromEntries(
    Object.entries(parts).filter(([id, html]) =>
      viewer.sent[id as keyof MonitorParts] !== html
    ),
  );
  Object.assign(viewer.sent, changed);
  return changed;
}
