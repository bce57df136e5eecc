import type { Life } from "./host.ts";
import type { AskStep } from "./plan.ts";

/** What a handler saw of its session. */
export interface Sight {
  /** Simulated milliseconds. */
  readonly at: number;
  /** The uid of `visit.session`. */
  readonly uid: string | undefined;
  readonly principal: string | undefined;
  /** Its values by key. */
  readonly values: ReadonlyMap<string, unknown>;
}

/** A change of a value by a handler. */
export interface Write {
  readonly ask: Ask;
  readonly uid: string;
  readonly key: string;
  /** Undefined deletes the key. Each written value is another one. */
  readonly value: string | undefined;
  readonly at: number;
  /** Whether the response had begun. */
  readonly isLate: boolean;
}

/** One request, and what became of it. Times are simulated milliseconds. */
export interface Ask {
  readonly name: string;
  readonly step: AskStep;
  readonly life: Life;
  /** The tokens that it came with. */
  readonly tokens: readonly string[];
  readonly arrivedAt: number;
  answeredAt: number | undefined;
  /** 500 if the handler threw. */
  status: number | undefined;
  /** The token that the response sets; "" if it clears the cookie. */
  cookie: string | undefined;
  /** The `Max-Age` of that cookie in seconds; undefined for none. */
  cookieAge: number | undefined;
  readonly sights: Sight[];
  readonly writes: Write[];
  /** The session that the handler used, and when it got it. */
  got: { readonly uid: string; readonly at: number } | undefined;
  /** The session that `logOut()` or `expire()` ended, and when. */
  left: { readonly uid: string; readonly at: number } | undefined;
  /** When it called `logIn()`, and the session that it was in then. */
  loggedIn: { readonly uid: string; readonly at: number } | undefined;
  hasRenewed: boolean;
  /** Whether it registered a named callback, or a listener. */
  hasRegistered: boolean;
  /** When it registered its listener; NaN if it has not. */
  listensFrom: number;
  /** The `sessionTimeout` that it has set, in milliseconds; undefined for none. */
  timeout: number | undefined;
  /** The `absoluteTimeout` that it has set, in milliseconds; undefined for none. */
  absolute: number | undefined;
  /** When its stream was closed; Infinity while it is open, NaN without one. */
  streamedUntil: number;
  /** When its client left before the answer; Infinity if it did not. */
  leftAt: number;
  /** When its handler returned a response or threw; Infinity before. */
  handledAt: number;
  /** Whether its handler has thrown. */
  hasThrown: boolean;
  /** When its listener was called. */
  readonly heard: number[];
}
