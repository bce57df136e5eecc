import type { Clock } from "../base/clock.ts";
import { describe } from "../base/describe.ts";
import {
  addCallback,
  type Callbacks,
  checkCallback,
  isPromiseLike,
  type MaybePromise,
  proceed,
} from "../base/promises.ts";
import { loadLaterCode } from "./later_parts.ts";
import type { DeadLetters, LostCall } from "./dead_letters.ts";
import type {
  NamedEndCallback,
  Session,
  SessionEnd,
  SessionEndCallback,
} from "../session.ts";

/** The callbacks for the ends of all sessions, those with a name included. */
export class EndDelivery {
  /**
   * The callbacks for every end. Iterating over them includes those that are added
   * meanwhile.
   */
  readonly callbacks: Callbacks<SessionEndCallback> = new Set();
  /** The callbacks with a name. */
  readonly named: Map<string, NamedEndCallback> = new Map();

  /**
   * Adds a callback for every end.
   *
   * @returns a function that removes this registration only.
   * @throws {TypeError} If the callback is not a function.
   */
  add(callback: SessionEndCallback): () => void {
    checkCallback("notify on session end", callback);
    return addCallback(this.callbacks, callback);
  }

  /** Registers a callback by name, as {@linkcode registerByName} does. */
  register(name: string, callback: NamedEndCallback): void {
    registerByName(this.named, name, callback);
  }
}

/**
 * Registers a callback by name.
 *
 * @throws {TypeError} If the callback is not a function.
 * @throws {Error} If the name is taken.
 */
export function registerByName<T>(
  callbacks: Map<string, T>,
  name: string,
  callback: T,
): void {
  checkCallback(`register ${describe(name)}`, callback);
  if (callbacks.has(name)) {
    throw new Error(`Cannot register ${describe(name)}: the name is taken`);
  }
  callbacks.set(name, callback);
}

/** Milliseconds before the second call of a callback that has failed. */
const FIRST_PAUSE = 1000;

/** The longest pause between two calls, in milliseconds. */
const LONGEST_PAUSE = 3_600_000;

/** The members of the registry that retries use. */
export interface RetryingRegistry {
  readonly clock: Clock;
  readonly options: { readonly endRetryFor?: number };
  readonly namedCallbacks: ReadonlyMap<string, NamedEndCallback>;
  readonly site: { reportError(error: unknown, context: object): void };
  readonly calls: {
    watch(promise: Promise<unknown>, session: Session): void;
  };
}

/** A named callback to call. */
export interface NamedCall {
  readonly name: string;
  readonly argument: unknown;
}

/** A named callback that has failed. */
interface FailedCall extends LostCall {
  /** UNIX milliseconds of the first failure. */
  readonly since: number;
}

/**
 * Returns the milliseconds until a failed callback is called again. The last call
 * is at the limit.
 *
 * @param elapsed Milliseconds since the first failure.
 * @param limit Milliseconds for which calls are repeated.
 * @returns undefined if the limit has passed.
 */
export function pauseAfter(elapsed: number, limit: number): number | undefined {
  if (elapsed >= limit) return undefined;
  // Each pause is about twice the last one: 1, 2, 4 s and so on.
  const pause = Math.min(elapsed + FIRST_PAUSE, LONGEST_PAUSE);
  return Math.min(pause, limit - elapsed);
}

/**
 * The named callbacks that are in no store: callbacks of sessions in memory, and
 * callbacks that were registered after their session had ended in another process.
 *
 * A callback that fails is called again, after pauses that double, for
 * `endRetryFor`. Then it is kept in memory as a dead letter.
 */
export class EndRetries {
  readonly #registry: RetryingRegistry;
  readonly #timers = new Map<unknown, FailedCall>();
  #letters: DeadLetters | undefined = undefined;
  #isStopped = false;

  constructor(registry: RetryingRegistry) {
    this.#registry = registry;
  }

  /**
   * Calls a named callback. Its errors are reported; it may be called again.
   *
   * @param onDone Called when the callback has succeeded, or its dead letter is
   * deleted.
   */
  call(end: SessionEnd, call: NamedCall, onDone?: () => void): void {
    const first = { since: NaN, attempt: 0, error: undefined };
    this.#call({ ...call, ...first, end, onDone });
  }

  /** Returns the dead letters; their code is loaded at the first call. */
  openLetters(): MaybePromise<DeadLetters> {
    return proceed(
      loadLaterCode(),
      ({ DeadLetters }) =>
        this.#letters ??= new DeadLetters(
          ({ end, name, argument, onDone }) =>
            this.call(end, { name, argument }, onDone),
          (message, call) => this.#report(message, call),
        ),
    );
  }

  /** Stops, and reports the callbacks that would have been called again. */
  stop(): void {
    this.#isStopped = true;
    for (const [timer, call] of this.#timers) {
      this.#registry.clock.clearTimeout(timer);
      this.#reportDropped(call);
    }
    this.#timers.clear();
  }

  #call(call: FailedCall): void {
    const { end, name, argument } = call;
    const { session } = end;
    const failed = (error: unknown) => {
      this.#registry.site.reportError(error, { session });
      this.#fail(call, error);
    };
    try {
      const callback = this.#registry.namedCallbacks.get(name);
      const attempt = Math.max(end.attempt, call.attempt + 1);
      const result = callback?.(argument, { ...end, attempt });
      if (!isPromiseLike(result)) return call.onDone?.();
      const settled = Promise.resolve(result).then(call.onDone, failed);
      this.#registry.calls.watch(settled, session);
    } catch (error) {
      failed(error);
    }
  }

  #fail(call: FailedCall, error: unknown): void {
    const { clock, options } = this.#registry;
    const now = clock.now();
    const since = Number.isNaN(call.since) ? now : call.since;
    const failed = { ...call, since, attempt: call.attempt + 1, error };
    if (this.#isStopped) return this.#reportDropped(failed);
    const { endRetryFor = 86_400 } = options;
    const pause = pauseAfter(now - since, endRetryFor * 1000);
    if (pause === undefined) {
      const keeping = proceed(
        this.openLetters(),
        (letters) => letters.keep(failed),
      );
      if (isPromiseLike(keeping)) {
        keeping.catch((cause) => this.#report(`: ${cause}`, failed));
      }
      return;
    }
    const timer = clock.setTimeout(() => {
      this.#timers.delete(timer);
      this.#call(failed);
    }, pause);
    this.#timers.set(timer, failed);
  }

  #reportDropped(call: FailedCall): void {
    this.#report(" again: the sessions are closed", call);
  }

  #report(what: string, { name, error, end }: LostCall): void {
    const { uid, session } = end;
    const message = `Cannot call ${
      describe(name)
    } at the end of session "${uid}"${what}`;
    this.#registry.site.reportError(
      new Error(message, { cause: error }),
      { session },
    );
  }
}
