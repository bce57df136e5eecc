import type { Clock } from "./clock.ts";
import type { SessionEndReason } from "../session.ts";
import type { MonitorParts, MonitorView } from "./monitor_page.ts";

/** What a viewer is sent. */
export interface MonitorMessage {
  /** Names the run of the program. */
  readonly boot: string;
  /** UNIX seconds. */
  readonly now: number;
  /** The parts of the page that have changed. */
  readonly parts: Partial<MonitorParts>;
  /** The last of the sessions that have ended since the message before. */
  readonly ended: readonly (readonly [uid: string, reason: SessionEndReason])[];
  /** What is said aloud. */
  readonly said: string;
}

/** How many look on at once. */
export const MAX_VIEWERS = 32;

/** Milliseconds between two looks at the sessions. */
const BEAT = 1000;

/** Milliseconds from an end until viewers are told, of others meanwhile too. */
const BURST = 200;

/** Somebody who looks on. */
export interface MonitorViewer {
  readonly view: MonitorView;
  /** What they were sent last, by part. */
  readonly sent: Partial<Record<keyof MonitorParts, string>>;
  /** How many sessions had ended when they were last told. */
  endCount: number;
  /** The same, when it was last said aloud. */
  saidCount: number;
  /** UNIX milliseconds. */
  saidAt: number;
  /** When they were last sent anything; likewise. */
  sentAt: number;
  /** Whether they have taken what they were sent. */
  readonly isReady: boolean;
  /** Sends a message. */
  send(message: MonitorMessage): void;
}

/** Those who look on, and the timers, which run only while there is one. */
export class MonitorViewers {
  readonly #clock: Clock;
  readonly #all = new Set<MonitorViewer>();
  readonly #tell: (viewers: Iterable<MonitorViewer>, isBeat: boolean) => void;
  #beat: unknown = undefined;
  #burst: unknown = undefined;

  /** @param tell Sends viewers the news; at each beat all, between only ends. */
  constructor(
    clock: Clock,
    tell: (viewers: Iterable<MonitorViewer>, isBeat: boolean) => void,
  ) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Whether there can be no more. */
  get isFull(): boolean {
    return this.#all.size >= MAX_VIEWERS;
  }

  /** The events of a new viewer, until the reader wants no more. */
  open(view: MonitorView, endCount: number): ReadableStream<Uint8Array> {
    let viewer: MonitorViewer;
    const encoder = new TextEncoder();
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        viewer = {
          view,
          sent: {},
          endCount,
          saidCount: endCount,
          saidAt: -Infinity,
          sentAt: -Infinity,
          get isReady() {
            return (controller.desiredSize ?? 0) > 0;
          },
          send: (message) =>
            controller.enqueue(
              encoder.encode(`data: ${JSON.stringify(message)}\n\n`),
            ),
        };
        this.#all.add(viewer);
        this.#tell([viewer], true);
        this.#beat ??= this.#clock.setTimeout(() => this.#onBeat(), BEAT);
      },
      cancel: () => {
        this.#all.delete(viewer);
        if (this.#all.size === 0) this.#rest();
      },
    });
  }

  /** Has viewers told of an end, soon. */
  noteEnd(): void {
    if (this.#all.size === 0) return;
    this.#burst ??= this.#clock.setTimeout(() => {
      this.#burst = undefined;
      this.#tell(this.#all, false);
    }, BURST);
  }

  #onBeat(): void {
    this.#beat = this.#clock.setTimeout(() => this.#onBeat(), BEAT);
    this.#tell(this.#all, true);
  }

  #rest(): void {
    this.#clock.clearTimeout(this.#beat);
    this.#clock.clearTimeout(this.#burst);
    this.#beat = this.#burst = undefined;
  }
}
