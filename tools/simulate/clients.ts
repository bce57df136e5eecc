import { CookieJar } from "../../testing/cookie_jar.ts";
import type { AskStep } from "./plan.ts";

const URL_OF_SITE = new URL("https://site.test/");

/** The name of the cookie over https. */
const COOKIE = "__Host-session";

/** A device of a visitor, with the cookies of its browser. */
export class Client {
  readonly #jar = new CookieJar();
  /** The tokens that it has received, the first one first. */
  readonly received: string[] = [];

  /** The token in the jar. */
  token(now: number): string | undefined {
    const cookie = this.#jar.headerFor(URL_OF_SITE, now);
    return cookie?.slice(COOKIE.length + 1);
  }

  /** Keeps the cookie of a response. */
  keep(response: Response, now: number): void {
    this.#jar.keep(response.headers.getSetCookie(), URL_OF_SITE, now);
    const token = tokenOf(response);
    if (token !== undefined && token !== "") this.received.push(token);
  }
}

/** Returns the tokens that a request comes with. */
export function tokensFor(
  step: AskStep,
  clients: readonly Client[],
  now: number,
): string[] {
  const client = clients[step.client]!;
  const own = client.token(now);
  const pick = (tokens: readonly string[]) =>
    tokens[Math.floor(step.choice * tokens.length)];
  const chosen = () => {
    switch (step.presents) {
      case "jar":
        return [own];
      case "none":
        return [];
      case "old":
        return [pick(client.received) ?? own];
      case "other":
        return [pick(clients.flatMap(({ received }) => received)) ?? own];
      case "both": {
        const other = pick(clients.flatMap(({ received }) => received));
        return step.choice < 0.5 ? [own, other] : [other, own];
      }
    }
  };
  return [...new Set(chosen().filter((token) => token !== undefined))];
}

/** Makes the request of a client. */
export function requestOf(
  tokens: readonly string[],
  isHead: boolean,
  signal?: AbortSignal,
): Request {
  const cookie = tokens.map((token) => `${COOKIE}=${token}`).join("; ");
  return new Request(URL_OF_SITE, {
    method: isHead ? "HEAD" : "GET",
    ...signal === undefined ? {} : { signal },
    headers: cookie === "" ? {} : { cookie },
  });
}

/** Returns the token that a response sets; "" if it clears the cookie. */
export function tokenOf(response: Response): string | undefined {
  const [cookie] = response.headers.getSetCookie();
  if (cookie === undefined) return undefined;
  return cookie.slice(COOKIE.length + 1, cookie.indexOf(";"));
}

/** Returns the `Max-Age` of the cookie that a response sets; undefined for none. */
export function ageOf(response: Response): number | undefined {
  const [cookie = ""] = response.headers.getSetCookie();
  const age = /; Max-Age=(\d+)/.exec(cookie)?.[1];
  return age === undefined ? undefined : Number(age);
}
