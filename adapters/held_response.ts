import type { MaybePromise } from "../base/promises.ts";
import {
  type HeaderTarget,
  putSessionHeaders,
  type SessionHeaders,
} from "../sessions.ts";
import type { NodeOutgoing } from "./node_request.ts";

/** A method of Node's response, which has several signatures. */
// deno-lint-ignore no-explicit-any
export type NodeMethod = (...args: any[]) => any;

/** The parts of Node's `ServerResponse` that are held back. */
export interface HoldableResponse extends NodeOutgoing {
  /** The status. */
  statusCode: number;
  /** The reason phrase. */
  statusMessage: string;
  /** Returns the value of a header. */
  getHeader(name: string): unknown;
  /** Sets a header. */
  setHeader(name: string, value: string | readonly string[]): unknown;
  /** Adds a value to a header. */
  appendHeader(name: string, value: string): unknown;
  /** Returns the names of the headers that are set. */
  getHeaderNames(): string[];
  /** Removes a header. */
  removeHeader(name: string): void;
  /** Adds a listener. */
  on: NodeMethod;
  /** Calls listeners. */
  emit(event: "drain"): unknown;
  /** Sends the headers. */
  writeHead: NodeMethod;
  /** Sends the headers. */
  flushHeaders: NodeMethod;
  /** Sends a part of the body. */
  write: NodeMethod;
  /** Sends the last part of the body. */
  end: NodeMethod;
}

const HELD = ["writeHead", "flushHeaders", "write", "end"] as const;

/** The methods that fail once the headers have been sent. */
const REFUSED = ["setHeader", "appendHeader", "removeHeader"] as const;

/** The callbacks of a held response. */
export interface ResponseEvents {
  /** Finishes the visit, and returns the headers to add. */
  finish(): MaybePromise<SessionHeaders>;
  /** Called in place of the response, if the visit could not be finished. */
  fail(error: unknown): void;
  /**
   * Called when the connection is closed, or the response has been sent.
   *
   * @param isBegun Whether there was a response.
   */
  close(isBegun: boolean): unknown;
}

/**
 * Holds a response of Node back, from its first byte until the visit is finished:
 * its methods are called again then. Until then it behaves as if it had been sent,
 * so that a handler which fails after its response sends no second one.
 */
export class HeldResponse {
  readonly #response: HoldableResponse;
  readonly #events: ResponseEvents;
  readonly #calls: (() => void)[] = [];
  #isBegun = false;
  #isEnded = false;
  #isReleased = false;
  /** Makes the response behave as one that has not been sent. */
  #unmark = () => {};
  /** The listeners that wait until more can be written. */
  readonly #drains: (() => void)[] = [];

  constructor(response: HoldableResponse, events: ResponseEvents) {
    this.#response = response;
    this.#events = events;
    for (const name of HELD) this.#hold(name);
    response.once("close", () => void events.close(this.#isBegun));
  }

  /** Whether the response has begun, so that the visit is finished. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  #hold(name: typeof HELD[number]): void {
    const response = this.#response;
    const method = response[name];
    // It is not restored: by then other code may have wrapped it.
    response[name] = (...args) => {
      if (this.#isReleased) return method.apply(response, args);
      if (!this.#isBegun) {
        this.#isBegun = true;
        if (name === "writeHead") args = setHeaders(response, args);
        if (this.#finish()) return method.apply(response, args);
        if (!this.#isReleased) {
          this.#unmark = markAsSent(response, this.#drains);
        }
      } else if (name === "writeHead") refuse();
      if (!this.#isEnded) this.#calls.push(() => method.apply(response, args));
      if (name === "end") this.#isEnded = true;
      return name === "write" ? false : response;
    };
  }

  /** Finishes the visit; returns false if that needs a wait. */
  #finish(): boolean {
    try {
      const finishing = this.#events.finish();
      if (!(finishing instanceof Promise)) {
        this.#release(finishing);
        return true;
      }
      finishing.then((added) => {
        this.#release(added);
        for (const call of this.#calls) call();
        for (const listener of this.#drains) listener.call(this.#response);
        this.#response.emit("drain");
      }).catch((error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
    return false;
  }

  #release(added: SessionHeaders): void {
    this.#isReleased = true;
    this.#unmark();
    putSessionHeaders(targetOf(this.#response), added);
  }

  #fail(error: unknown): void {
    this.#isReleased = true;
    this.#unmark();
    for (const name of this.#response.getHeaderNames()) {
      this.#response.removeHeader(name);
    }
    this.#events.fail(error);
  }
}

/**
 * Makes a response behave as if its headers had been sent.
 *
 * @param drains Gets the listeners for "drain": the middleware `compression` adds
 * them to a stream of its own, which has nothing to drain.
 * @returns a function that undoes this, with the status as it is now.
 */
function markAsSent(
  response: HoldableResponse,
  drains: (() => void)[],
): () => void {
  const { statusCode, statusMessage, on } = response;
  const names = ["headersSent", "on", ...REFUSED];
  const before = names.map((name) =>
    Object.getOwnPropertyDescriptor(response, name)
  );
  for (const name of names) {
    const value = name === "headersSent" ? true : refuse;
    Object.defineProperty(response, name, { value, configurable: true });
  }
  const add: NodeMethod = (event, listener) => {
    if (event === "drain") drains.push(listener);
    return on.call(response, event, listener);
  };
  Object.defineProperty(response, "on", { value: add, configurable: true });
  return () => {
    names.forEach((name, index) => {
      const descriptor = before[index];
      if (descriptor === undefined) Reflect.deleteProperty(response, name);
      else Object.defineProperty(response, name, descriptor);
    });
    Object.assign(response, { statusCode, statusMessage });
  };
}

function refuse(): never {
  // As Node has it.
  const message = "Cannot set headers after they are sent to the client";
  throw Object.assign(new Error(message), { code: "ERR_HTTP_HEADERS_SENT" });
}

/** Sets the headers that `writeHead()` got, and returns its other arguments. */
function setHeaders(response: HoldableResponse, args: unknown[]): unknown[] {
  const headers = args.find((arg) => typeof arg === "object" && arg !== null);
  if (headers === undefined) return args;
  if (Array.isArray(headers)) {
    const flat = headers.flat();
    for (let at = 0; at + 1 < flat.length; at += 2) {
      response.appendHeader(flat[at], flat[at + 1]);
    }
  } else {
    for (const [name, value] of Object.entries(headers!)) {
      response.setHeader(name, value);
    }
  }
  return args.filter((arg) => arg !== headers);
}

function targetOf(response: HoldableResponse): HeaderTarget {
  return {
    get: (name) => response.getHeader(name)?.toString(),
    set: (name, value) => void response.setHeader(name, value),
    append: (name, value) => void response.appendHeader(name, value),
  };
}
