/**
 * What the tests of requests and responses share.
 *
 * @module
 */

import {
  type ErrorContext,
  type Rendered,
  Resource,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../mod.ts";

/** Renders the answer to a request. */
export type Render = (request: SiteRequest) => Rendered | Promise<Rendered>;

/** A leaf that answers every method by a function. */
export class Leaf extends Resource {
  override isLeaf = true;
  readonly #render: Render;

  constructor(render: Render) {
    super();
    this.#render = render;
  }

  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    return this.#render(request);
  }
}

/** A resource that answers GET by a function; not a leaf. */
export class Page extends Resource {
  readonly #render: Render;

  constructor(render: Render) {
    super();
    this.#render = render;
  }

  override render_GET(request: SiteRequest): Rendered | Promise<Rendered> {
    return this.#render(request);
  }
}

/** A site that keeps what was reported to it, in place of printing it. */
export class WatchedSite extends Site {
  /** What was reported. */
  readonly errors: unknown[];
  /** With what it was reported. */
  readonly contexts: ErrorContext[];

  constructor(root: Resource | Render, options: SiteOptions = {}) {
    const errors: unknown[] = [];
    const contexts: ErrorContext[] = [];
    super(root instanceof Resource ? root : new Leaf(root), {
      onError: (error, context) => {
        errors.push(error);
        contexts.push(context);
      },
      ...options,
    });
    this.errors = errors;
    this.contexts = contexts;
  }

  /** Answers a request for a path of http://localhost, or for a whole URL. */
  async visit(path = "/", init: RequestInit = {}): Promise<Response> {
    const url = path.startsWith("/") ? `http://localhost${path}` : path;
    return await this.fetch(new Request(url, init));
  }
}

/** Looks at a request from inside, while a resource renders. */
export async function look<T>(
  what: (request: SiteRequest) => T | Promise<T>,
  request: Request = new Request("http://localhost/"),
  options: SiteOptions & { info?: Deno.ServeHandlerInfo } = {},
): Promise<T> {
  const { info, ...siteOptions } = options;
  const seen: T[] = [];
  await using site = new WatchedSite(async (request) => {
    seen.push(await what(request));
    return "";
  }, siteOptions);
  await site.fetch(request, info);
  if (site.errors.length > 0) throw site.errors[0];
  return seen[0]!;
}

/** A request as Deno makes it of what came: no URL parser has seen it. */
export function rawRequest(url: string, method = "GET"): Request {
  return Object.defineProperties(new Request("http://localhost/"), {
    url: { value: url },
    method: { value: method },
  });
}

/** The `name=value` of the first Set-Cookie, to send back. */
export function cookieOf(response: Response): string {
  return response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
}

/** A request's init that sends back the first cookie of a response. */
export function withCookieOf(response: Response): RequestInit {
  return { headers: { cookie: cookieOf(response) } };
}

/** Keeps what console.error is given until it is disposed of. */
export function captureConsole(): Disposable & { printed: unknown[][] } {
  const real = console.error;
  const printed: unknown[][] = [];
  console.error = (...values) => {
    printed.push(values);
  };
  return {
    printed,
    [Symbol.dispose]() {
      console.error = real;
    },
  };
}
