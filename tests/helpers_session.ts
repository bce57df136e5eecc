import { assert, assertInstanceOf } from "@std/assert";
import {
  type Clock,
  type Rendered,
  Resource,
  Session,
  type SessionEnd,
  type SessionFactory,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../mod.ts";
import { loadForwarded } from "../http/connection.ts";
import { loadLaterCode } from "../resources/wrap.ts";

// The first error of a process waits for its code, and so does the first request
// that came by a proxy. visit() takes no promise.
await loadLaterCode();
await loadForwarded();

/** Where the clocks of the tests begin: a whole second, in milliseconds. */
export const START = 1_700_000_000_000;

/** A timer of a {@linkcode ManualClock}. */
interface ManualTimer {
  readonly callback: () => void;
  readonly due: number;
}

/** A clock that stands still until it is told to move, and counts its timers. */
export class ManualClock implements Clock {
  /** The time in milliseconds. */
  time: number;
  /** What each call of now() adds to the time. */
  step = 0;
  /** Milliseconds that timers fire early, if they are set for longer. */
  early = 0;
  /** How often setTimeout() was called. */
  sets = 0;
  /** How often clearTimeout() was called with a timer that waited. */
  clears = 0;
  /** The delays that setTimeout() was called with. */
  readonly delays: number[] = [];
  readonly #timers = new Map<number, ManualTimer>();
  /** How many timers in a row have fired without the time going on. */
  #fired = 0;

  constructor(time = START) {
    this.time = time;
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    const { time } = this;
    this.time += this.step;
    return time;
  }

  setTimeout(callback: () => void, delay: number): number {
    assert(delay >= 0 && delay < 2 ** 31, `a timer of ${delay} ms`);
    this.sets++;
    this.delays.push(delay);
    const wait = delay > this.early ? delay - this.early : delay;
    this.#timers.set(this.sets, { callback, due: this.time + wait });
    return this.sets;
  }

  clearTimeout(id: unknown): void {
    if (this.#timers.delete(id as number)) this.clears++;
  }

  /** Moves the time without firing a timer: they are late from then on. */
  jump(ms: number): void {
    this.time += ms;
  }

  /** Moves the time, and fires the timers on the way. */
  advance(ms = 0): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.#next();
      if (next === undefined || next[1].due > end) break;
      this.#fire(next);
    }
    this.time = Math.max(this.time, end);
  }

  /** Fires the next timer, when it is due; answers whether there was one. */
  fireNext(): boolean {
    const next = this.#next();
    if (next !== undefined) this.#fire(next);
    return next !== undefined;
  }

  /** Fires the next timer now, however early that is. */
  fireEarly(): void {
    const [id, { callback }] = this.#next()!;
    this.#timers.delete(id);
    callback();
  }

  #next(): [number, ManualTimer] | undefined {
    let next: [number, ManualTimer] | undefined;
    for (const entry of this.#timers) {
      if (next === undefined || entry[1].due < next[1].due) next = entry;
    }
    return next;
  }

  #fire([id, { callback, due }]: [number, ManualTimer]): void {
    this.#timers.delete(id);
    this.#fired = due > this.time ? 0 : this.#fired + 1;
    assert(this.#fired < 100_000, "timers fire for ever at one instant");
    this.time = Math.max(this.time, due);
    callback();
  }
}

/** A resource that does what a test wants. */
export class Page extends Resource {
  override isLeaf = true;
  readonly #act: (request: SiteRequest) => Rendered | Promise<Rendered>;

  constructor(act: (request: SiteRequest) => Rendered | Promise<Rendered>) {
    super();
    this.#act = act;
  }

  override render_GET(request: SiteRequest): Rendered | Promise<Rendered> {
    return this.#act(request);
  }
}

/** A site of one page: it answers every path, by default with the session's uid. */
export function siteOf(
  options: SiteOptions = {},
  act: (request: SiteRequest) => Rendered | Promise<Rendered> = uidOf,
): Site {
  return new Site(new Page(act), options);
}

function uidOf(request: SiteRequest): string {
  return request.getSession().uid;
}

/** What of a session a test sets. */
export interface Timeouts {
  sessionTimeout?: number;
  absoluteTimeout?: number;
}

/** A class of sessions with those timeouts. */
export function lasting(timeouts: Timeouts): SessionFactory {
  return class TimedSession extends Session {
    override sessionTimeout = timeouts.sessionTimeout ?? 900;
    override absoluteTimeout = timeouts.absoluteTimeout ?? Infinity;
  };
}

/** A request with a cookie, if there is one. */
export function requestWith(
  cookie?: string,
  url = "http://localhost/",
): Request {
  return new Request(url, cookie === undefined ? {} : { headers: { cookie } });
}

/** Visits a site whose page answers at once. */
export function visit(site: Site, cookie?: string): Response {
  const response = site.fetch(requestWith(cookie));
  assertInstanceOf(response, Response);
  return response;
}

/** The cookies that a response sets, each as name=value alone. */
export function cookiesOf(response: Response): string[] {
  return response.headers.getSetCookie().map((line) => line.split(";")[0]!);
}

/** The one session cookie that a response sets. */
export function cookieOf(response: Response): string {
  const cookies = cookiesOf(response);
  assert(cookies.length === 1, `cookies that were set: ${cookies}`);
  return cookies[0]!;
}

/** The one session of a site. */
export function onlySession(site: Site): Session {
  const sessions = [...site.sessions.values()];
  assert(sessions.length === 1, `sessions that there are: ${sessions.length}`);
  return sessions[0]!;
}

/** Gathers what the site tells of the ends of sessions. */
export function watchEnds(site: Site): SessionEnd[] {
  const ends: SessionEnd[] = [];
  site.notifyOnSessionEnd((end) => {
    ends.push(end);
  });
  return ends;
}

/** Gathers what goes to onError. */
export class Errors {
  readonly all: unknown[] = [];
  readonly sessions: (Session | undefined)[] = [];

  readonly onError = (
    error: unknown,
    context: { session?: Session },
  ): void => {
    this.all.push(error);
    this.sessions.push(context.session);
  };
}

/** Takes what is printed to console.error until it is disposed. */
export class PrintedErrors implements Disposable {
  readonly all: unknown[][] = [];
  readonly #original = console.error;

  constructor() {
    console.error = (...args: unknown[]) => {
      this.all.push(args);
    };
  }

  [Symbol.dispose](): void {
    console.error = this.#original;
  }
}

/** Lets promises settle, however deep, without a timer. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
