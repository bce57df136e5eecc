/**
 * Pages without a browser, for the tests of the clock's client: each is a tab with
 * clocks, timers, a network and channels that a test controls.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { watchSession } from "../../resources/session_clock_client.js";
import { countDown } from "../../resources/session_clock_deadline.js";

/** The state that the client hands to its listeners. */
export interface ClockView {
  readonly status: "unknown" | "none" | "active" | "warning" | "ended";
  readonly secondsLeft: number | null;
  readonly canStay: boolean;
  readonly reason: string | null;
  readonly isConfirmed: boolean;
  readonly isReachable: boolean;
  readonly failed: "stay" | "signOut" | null;
}

/** The client of a page. */
export interface ClockClient {
  subscribe(
    listener: (view: ClockView) => void,
    options?: { lead?: number },
  ): () => void;
  look(): Promise<void>;
  stay(): Promise<boolean>;
  signOut(): Promise<boolean>;
}

/** How a server answers: by a state, now or later, by an error, or never. */
export type Answer = object | Promise<object> | "error" | "silence" | number;

/** A browser with tabs, and the machine that it runs on. */
export class Browser {
  /** Milliseconds that the machine has been awake. */
  steady = 5000;
  /** The wall clock, in UNIX milliseconds. */
  wall = 1_700_000_000_000;
  /** Answers a request; called at each one. */
  answer: (method: string) => Answer = () => "error";
  /** The methods of all requests, in order. */
  readonly asked: string[] = [];
  readonly tabs: Tab[] = [];
  readonly #timers = new Map<number, { due: number; callback: () => void }>();
  #last = 0;

  setTimeout = (callback: () => void, delay: number): number => {
    this.#timers.set(++this.#last, { due: this.steady + delay, callback });
    return this.#last;
  };

  clearTimeout = (id: number): void => void this.#timers.delete(id);

  /** Lets seconds pass while the machine is awake, with all timers on the way. */
  async pass(seconds: number): Promise<void> {
    const end = this.steady + seconds * 1000;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].sort(([, a], [, b]) => a.due - b.due);
      if (next === undefined || next[1].due > end) break;
      this.#timers.delete(next[0]);
      this.#move(next[1].due);
      next[1].callback();
      await settle();
    }
    this.#move(end);
  }

  /** Lets the machine sleep: the wall clock goes on, nothing else does. */
  sleep(seconds: number): void {
    this.wall += seconds * 1000;
  }

  /** Opens a tab with the client. */
  open(): Tab {
    const tab = new Tab(this);
    this.tabs.push(tab);
    return tab;
  }

  get pending(): number {
    return this.#timers.size;
  }

  #move(to: number): void {
    this.wall += Math.max(0, to - this.steady);
    this.steady = Math.max(this.steady, to);
  }
}

/** A tab, in which a page uses the client. */
export class Tab {
  readonly client: ClockClient;
  readonly views: ClockView[] = [];
  readonly window = new EventTarget();
  readonly document = Object.assign(new EventTarget(), { hidden: false });
  /** Takes the messages of other tabs; undefined while the channel is closed. */
  channel: { onmessage?: (event: { data: unknown }) => void } | undefined;
  readonly errors: unknown[] = [];

  constructor(browser: Browser) {
    const globals = {
      document: this.document,
      globalThis: this.window,
      performance: { now: () => browser.steady },
      Date: { now: () => browser.wall },
      setTimeout: browser.setTimeout,
      clearTimeout: browser.clearTimeout,
      reportError: (error: unknown) => this.errors.push(error),
      BroadcastChannel: channelOf(this, browser),
      fetch: (_url: string, init: { method: string; signal: AbortSignal }) =>
        respond(browser, init),
    };
    const make = new Function(
      ...Object.keys(globals),
      `return (url) => (${watchSession})(url, (${countDown})())`,
    );
    this.client = make(...Object.values(globals))("https://desk.test/clock");
  }

  /** Subscribes; the views are gathered. */
  watch(lead: number): () => void {
    return this.client.subscribe((view) => void this.views.push(view), {
      lead,
    });
  }

  /** The last view. */
  get view(): ClockView {
    return this.views.at(-1)!;
  }

  get statuses(): string[] {
    const all = this.views.map(({ status }) => status);
    return all.filter((status, index) => status !== all[index - 1]);
  }

  dispatch(type: string, properties: object = {}): void {
    this.window.dispatchEvent(Object.assign(new Event(type), properties));
  }

  hide(isHidden: boolean): void {
    this.document.hidden = isHidden;
    this.document.dispatchEvent(new Event("visibilitychange"));
  }
}

/** A live session's state, as the server sends it. */
export function live(secondsLeft: number | null, more: object = {}): object {
  return {
    isActive: true,
    secondsLeft,
    canStay: true,
    session: "a",
    principal: null,
    ...more,
  };
}

/** The state without a session. */
export const NONE = {
  isActive: false,
  secondsLeft: 0,
  canStay: false,
  session: null,
  principal: null,
};

function channelOf(tab: Tab, browser: Browser): unknown {
  return class {
    onmessage?: (event: { data: unknown }) => void;
    constructor() {
      tab.channel = this;
    }
    postMessage(data: unknown): void {
      for (const other of browser.tabs) {
        if (other === tab) continue;
        queueMicrotask(() => other.channel?.onmessage?.({ data }));
      }
    }
    close(): void {
      tab.channel = undefined;
    }
  };
}

function respond(
  browser: Browser,
  { method, signal }: { method: string; signal: AbortSignal },
): Promise<Response> {
  browser.asked.push(method);
  const answer = browser.answer(method);
  if (answer === "error") return Promise.reject(new TypeError("no network"));
  if (typeof answer === "number") {
    return Promise.resolve(new Response("no", { status: answer }));
  }
  if (answer !== "silence") {
    return Promise.resolve(answer).then((state) => Response.json(state));
  }
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason))
  );
}

/** Lets the bodies of responses arrive, which takes turns of the event loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
