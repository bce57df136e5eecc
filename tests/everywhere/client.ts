import type { Sessions, Visit } from "@curfew/web/sessions";

/** What a handler answers with, and whether it sends a cookie. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly setCookie: string | null;
  readonly headers: Headers;
}

/** A client with a cookie jar for one cookie. */
export class Client {
  /** The cookie as `name=value`; undefined if there is none. */
  cookie: string | undefined;
  readonly #handler: (request: Request) => Response | Promise<Response>;

  constructor(handler: (request: Request) => Response | Promise<Response>) {
    this.#handler = handler;
  }

  async send(path = "/", init: RequestInit = {}): Promise<Answer> {
    const response = await this.open(path, init);
    return {
      status: response.status,
      text: await response.text(),
      setCookie: response.headers.get("set-cookie"),
      headers: response.headers,
    };
  }

  /** Sends a request, and returns the response with its body unread. */
  async open(path = "/", init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.cookie !== undefined) headers.set("cookie", this.cookie);
    const request = new Request(`http://localhost${path}`, {
      ...init,
      headers,
    });
    const response = await this.#handler(request);
    const set = response.headers.get("set-cookie");
    if (set !== null) {
      const [pair] = set.split(";");
      this.cookie = pair!.endsWith("=") ? undefined : pair;
    }
    return response;
  }
}

/** Returns a client of a handler that runs in a `Sessions`. */
export function clientOf(
  sessions: Sessions,
  handler: (visit: Visit) => Response | Promise<Response>,
): Client {
  return new Client((request) => sessions.serve(request, handler));
}
