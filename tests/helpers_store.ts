import { assert } from "@std/assert";
import type { FakeTime } from "@std/testing/time";
import {
  type Rendered,
  Resource,
  type SessionEnd,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../mod.ts";
import { loadLaterCode } from "../resources/wrap.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import { SqliteStore } from "../stores/sqlite_store.ts";
import type { SessionStore } from "../stores/store.ts";

// The first error of a process waits for its code, for which fake time does not.
await loadLaterCode();

/** Renders by a function. */
export class Page extends Resource {
  override isLeaf = true;
  readonly #render: (request: SiteRequest) => Rendered | Promise<Rendered>;

  constructor(render: (request: SiteRequest) => Rendered | Promise<Rendered>) {
    super();
    this.#render = render;
  }

  override render_GET(request: SiteRequest): Rendered | Promise<Rendered> {
    return this.#render(request);
  }
}

/** A site whose pages are functions, what it was told and what went wrong. */
export class Node implements AsyncDisposable {
  readonly root = new Resource();
  readonly site: Site;
  readonly ends: SessionEnd[] = [];
  readonly errors: unknown[] = [];

  constructor(store: SessionStore | undefined, options: SiteOptions = {}) {
    this.site = new Site(this.root, {
      ...(store === undefined ? {} : { store }),
      sessionTimeout: 60,
      onError: (error) => void this.errors.push(error),
      ...options,
    });
    this.site.notifyOnSessionEnd((end) => void this.ends.push(end));
  }

  page(
    name: string,
    render: (request: SiteRequest) => Rendered | Promise<Rendered>,
  ): this {
    this.root.putChild(name, new Page(render));
    return this;
  }

  get(
    path: string,
    cookie = "",
    init: RequestInit = {},
  ): Response | Promise<Response> {
    const headers = cookie === "" ? [] : [["cookie", cookie]];
    return this.site.fetch(
      new Request(`http://localhost/${path}`, {
        ...init,
        headers: headers as [string, string][],
      }),
    );
  }

  /** Ends of sessions, as "uid reason" would not be short: reasons only. */
  get reasons(): string[] {
    return this.ends.map(({ reason }) => reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.site.close();
  }
}

/** Lets time pass in small steps, so that promises are kept meanwhile. */
export async function pass(time: FakeTime, ms: number): Promise<void> {
  const step = Math.min(500, Math.max(10, ms / 80));
  await keepPromises();
  for (let left = ms; left > 0; left -= step) {
    time.tick(Math.min(step, left));
    await keepPromises();
  }
}

/** Lets promises be kept that wait for nothing but each other. */
async function keepPromises(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await undefined;
}

/** The cookie that a response sets, as a visitor sends it back. */
export function cookieOf(response: Response): string {
  const cookie = response.headers.getSetCookie()[0]?.split(";")[0];
  assert(cookie !== undefined, "no cookie was set");
  return cookie;
}

/** The same store, which has to be waited for. */
export function asynchronous<T extends SessionStore>(store: T): T {
  return new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]) => {
        await undefined;
        return member.apply(target, args);
      };
    },
  });
}

/** A store that can be taken away. */
export class BrokenStore {
  readonly store: SessionStore;
  how: "works" | "throws" | "hangs" = "works";
  readonly calls: string[] = [];

  constructor(inner: SessionStore = new MemoryStore()) {
    this.store = new Proxy(inner, {
      get: (target, name) => {
        const member = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return async (...args: unknown[]) => {
          this.calls.push(String(name));
          await undefined;
          if (this.how === "throws") throw new Error("the database is away");
          if (this.how === "hangs") return new Promise(() => {});
          return member.apply(target, args);
        };
      },
    });
  }
}

/** A store whose members can be other ones for a while. */
export class BentStore {
  readonly inner: SessionStore;
  readonly store: SessionStore;
  /** What is called instead, with the member that it stands for. */
  readonly bends: Record<
    string,
    // deno-lint-ignore no-explicit-any -- those of the member
    ((act: (...args: any[]) => any, ...args: any[]) => unknown) | undefined
  > = {};

  constructor(inner: SessionStore = new MemoryStore()) {
    this.inner = inner;
    this.store = new Proxy(inner, {
      get: (target, name) => {
        const member = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) => {
          const act = member.bind(target);
          const bend = this.bends[String(name)];
          return bend === undefined ? act(...args) : bend(act, ...args);
        };
      },
    });
  }
}

/** The uid in a cookie of a session. */
export function uidOf(cookie: string): string {
  return cookie.split("=")[1]!.slice(0, 32);
}

/** Resolves when so many milliseconds have passed. */
export function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The kinds of stores that a test runs over, without a server. */
export const STORE_KINDS: Record<string, () => SessionStore | undefined> = {
  "without a store": () => undefined,
  "over MemoryStore": () => new MemoryStore(),
  "over a store that is waited for": () => asynchronous(new MemoryStore()),
  // It does not poll often, since days pass in some tests.
  "over SqliteStore": () =>
    new SqliteStore({ path: ":memory:", pollInterval: 3600 }),
};

/** A clock that a test sets; `FakeTime` drives it. */
export class SetClock {
  #ahead = 0;

  now(): number {
    return Date.now() + this.#ahead;
  }

  monotonic(): number {
    return Date.now();
  }

  setTimeout(callback: () => void, delay: number): unknown {
    return setTimeout(callback, delay);
  }

  clearTimeout(id: unknown): void {
    clearTimeout(id as number);
  }

  /** Sets the clock forward; back if `by` is negative. */
  set(by: number): void {
    this.#ahead += by;
  }
}
