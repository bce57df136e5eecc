/**
 * What the tests of visits share: requests that do what a test wants, to a Site
 * or to a Sessions alone.
 *
 * @module
 */

import { assert, assertInstanceOf } from "@std/assert";
import { type Rendered, Resource, Site, type SiteRequest } from "../mod.ts";
import {
  type RequestSession,
  Sessions,
  type SessionsOptions,
} from "../sessions.ts";
import { cookiesOf, Errors, ManualClock } from "./helpers_session.ts";

/** What a request comes to. */
export type Door = "Site" | "Sessions";

/** What a request does; what it returns is kept for the test. */
export type Act<T> = (request: RequestSession) => T;

/** A request whose resource waits for the test. */
export interface SlowRequest<T> {
  /** Lets the resource go on, and waits for the response. */
  finish(): Promise<Outcome<T>>;
}

/** What came of a request. */
export class Outcome<T> {
  /** What the act returned; undefined if it threw. */
  readonly value: T | undefined;
  /** What the act threw; undefined if it returned. */
  readonly error: unknown;
  readonly response: Response;

  constructor(result: { value?: T; error?: unknown }, response: Response) {
    this.value = result.value;
    this.error = result.error;
    this.response = response;
  }

  /** The cookies that the response sets, each as name=value alone. */
  get cookies(): string[] {
    return cookiesOf(this.response);
  }

  /** The one cookie that the response sets. */
  get cookie(): string {
    const { cookies } = this;
    assert(cookies.length === 1, `cookies that were set: ${cookies}`);
    return cookies[0]!;
  }
}

/** How a request is sent; `headers` beside its cookie. */
export interface SendOptions {
  readonly method?: string;
  readonly url?: string;
  readonly headers?: Record<string, string>;
  /** Whether the resource neither makes nor touches sessions: of a Site only. */
  readonly isExcluded?: boolean;
}

/** Headers of a request that a page of another site has caused. */
export const CROSS_SITE: Readonly<Record<string, string>> = {
  "sec-fetch-site": "cross-site",
  "sec-fetch-mode": "no-cors",
};

/** Sessions behind a door, and clients who send requests to them. */
export class Stage implements Disposable {
  readonly clock = new ManualClock();
  readonly errors = new Errors();
  /** The kinds of suspicious tokens, in the order of the reports. */
  readonly suspicions: string[] = [];
  readonly sessions: Sessions;
  readonly #fetch: (request: Request) => Response | Promise<Response>;
  readonly #dispose: () => void;
  readonly #acts = new Map<string, Act<unknown>>();
  #count = 0;

  constructor(door: Door = "Site", options: SessionsOptions = {}) {
    const all: SessionsOptions = {
      clock: this.clock,
      onError: this.errors.onError,
      onSuspiciousSession: ({ kind }) => this.suspicions.push(kind),
      ...options,
    };
    if (door === "Site") {
      const play = (request: SiteRequest) => this.#play(request);
      const root = new Resource()
        .putChild("visit", new Stand(play, true))
        .putChild("excluded", new Stand(play, false));
      const site = new Site(root, all);
      this.sessions = site.sessions;
      this.#fetch = site.fetch;
      this.#dispose = () => site[Symbol.dispose]();
    } else {
      const sessions = new Sessions(all);
      this.sessions = sessions;
      this.#fetch = (request) => answerBy(sessions, request, this.#play);
      this.#dispose = () => sessions[Symbol.dispose]();
    }
  }

  /** Plays a request whose act returns at once. */
  run<T>(
    cookie: string | undefined,
    act: Act<T>,
    options: SendOptions = {},
  ): Outcome<T> {
    const result: { value?: T; error?: unknown } = {};
    const response = this.#send(cookie, noting(act, result), options);
    assertInstanceOf(response, Response);
    return new Outcome(result, response);
  }

  /** Begins a request that waits, after its first act, until it is finished. */
  begin<T>(
    cookie: string | undefined,
    after: Act<T>,
    options: SendOptions & { readonly before?: Act<unknown> } = {},
  ): SlowRequest<T> {
    const gate = Promise.withResolvers<void>();
    const result: { value?: T; error?: unknown } = {};
    const response = this.#send(cookie, (request) => {
      options.before?.(request);
      return gate.promise.then(() => noting(after, result)(request));
    }, options);
    return {
      finish: async () => {
        gate.resolve();
        return new Outcome(result, await response);
      },
    };
  }

  /** Visits by getSession(); answers the cookie that a new visitor gets. */
  enter(options: SendOptions = {}): string {
    return this.run(undefined, (request) => request.getSession(), options)
      .cookie;
  }

  /** Visits by getSession(), with a cookie; answers the cookies that are set. */
  visit(cookie: string): string[] {
    return this.run(cookie, (request) => request.getSession().uid).cookies;
  }

  /** The uid of the session that a cookie opens, by a request that peeks. */
  peek(cookie: string): string | undefined {
    return this.run(cookie, (request) => request.session?.uid).value;
  }

  [Symbol.dispose](): void {
    this.#dispose();
  }

  #send(
    cookie: string | undefined,
    act: Act<unknown>,
    { method, url, headers, isExcluded = false }: SendOptions,
  ): Response | Promise<Response> {
    const name = String(++this.#count);
    this.#acts.set(name, act);
    const path = isExcluded ? "excluded" : "visit";
    return this.#fetch(
      new Request(`${url ?? "http://localhost/"}${path}/${name}`, {
        ...(method === undefined ? {} : { method }),
        headers: { ...headers, ...(cookie === undefined ? {} : { cookie }) },
      }),
    );
  }

  #play = (
    request: RequestSession & { readonly request: Request },
  ): string | Promise<string> => {
    const name = request.request.url.split("/").at(-1)!;
    const result = this.#acts.get(name)!(request);
    return result instanceof Promise ? result.then(() => "") : "";
  };
}

/** The uid in a cookie. */
export function uidIn(cookie: string): string {
  return cookie.slice(cookie.indexOf("=") + 1).slice(0, 32);
}

/** A test by a Site, and the same by a Sessions alone. */
export function testVisits(
  name: string,
  act: (it: Stage) => void | Promise<void>,
  options: SessionsOptions = {},
): void {
  for (const door of ["Site", "Sessions"] as const) {
    Deno.test(`${name}, by ${door}`, async () => {
      using it = new Stage(door, options);
      await act(it);
    });
  }
}

/** A resource that plays what the test wants, by any method. */
class Stand extends Resource {
  override isLeaf = true;
  override touchesSession: boolean;
  readonly #play: (request: SiteRequest) => Rendered | Promise<Rendered>;

  constructor(
    play: (request: SiteRequest) => Rendered | Promise<Rendered>,
    touchesSession: boolean,
  ) {
    super();
    this.#play = play;
    this.touchesSession = touchesSession;
  }

  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    return this.#play(request);
  }
}

/** Answers by a handler, with the status of an HttpError that comes out. */
function answerBy(
  sessions: Sessions,
  request: Request,
  play: (
    request: RequestSession & { readonly request: Request },
  ) => string | Promise<string>,
): Response | Promise<Response> {
  const fail = (error: unknown) => {
    const { status = 500 } = error as { status?: number };
    return new Response(null, { status });
  };
  try {
    const response = sessions.serve(request, (visit) => {
      const text = play(visit);
      return text instanceof Promise
        ? text.then((text) => new Response(text))
        : new Response(text);
    });
    return response instanceof Promise ? response.catch(fail) : response;
  } catch (error) {
    return fail(error);
  }
}

/** The same act, which notes its result. */
function noting<T>(
  act: Act<T>,
  result: { value?: T; error?: unknown },
): Act<T> {
  return (request) => {
    try {
      return result.value = act(request);
    } catch (error) {
      result.error = error;
      throw error;
    }
  };
}
