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
 * its methods are called again then.
 */
export class HeldResponse {
  readonly #response: HoldableResponse;
  readonly #events: ResponseEvents;
  readonly #calls: (() => void)[] = [];
  #isBegun = false;
  #isReleased = false;

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
      }
      this.#calls.push(() => method.apply(response, args));
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
        this.#response.emit("drain");
      }).catch((error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
    return false;
  }

  #release(added: SessionHeaders): void {
    this.#isReleased = true;
    putSessionHeaders(targetOf(this.#response), added);
  }

  #fail(error: unknown): void {
    this.#isReleased = true;
    for (const name of this.#response.getHeaderNames()) {
      this.#response.removeHeader(name);
    }
    this.#events.fail(error);
  }
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
