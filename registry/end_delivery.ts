import type { Clock } from "../base/clock.ts";
import { describe, textOfThrown } from "../base/describe.ts";
import { checkCallback, isPromiseLike } from "../base/promises.ts";
import type { UndeliveredEnd } from "./session_backend.ts";
import type {
  NamedEndCallback,
  Session,
  SessionEnd,
  SessionEndCallback,
} from "../session.ts";

/** The callbacks for the ends of all sessions, those with a name included. */
export class EndDelivery {
  readonly #callbacks = new Set<{ readonly callback: SessionEndCallback }>();
  readonly #named = new Map<string, NamedEndCallback>();

  /** The callbacks with a name. */
  get named(): ReadonlyMap<string, NamedEndCallback> {
    return this.#named;
  }

  /**
   * Adds a callback for every end.
   *
   * @returns a function that removes this registration only.
   * @throws {TypeError} If the callback is not a function.
   */
  add(callback: SessionEndCallback): () => void {
    checkCallback("notify on session end", callback);
    const entry = { callback };
    this.#callbacks.add(entry);
    return () => void this.#callbacks.delete(entry);
  }

  /** Registers a callback by name, as {@linkcode registerByName} does. */
  register(name: string, callback: NamedEndCallback): void {
    registerByName(this.#named, name, callback);
  }

  /**
   * Iterates over the callbacks for every end, including those that are added
   * meanwhile.
   */
  *callbacks(): Iterable<SessionEndCallback> {
    for (const { callback } of this.#callbacks) yield callback;
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

/** The most callbacks that are kept after their last call. */
const MAX_LETTERS = 1000;

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
interface FailedCall extends NamedCall {
  readonly end: SessionEnd;
  /** UNIX milliseconds of the first failure. */
  readonly since: number;
  readonly attempt: number;
  readonly error: unknown;
  readonly onDone: (() => void) | undefined;
}

/**
 * Returns the milliseconds until a failed callback is called again. The last call
 * is at the limit.
 *
 * @param elapsed Milliseconds since the first failure.
 * @param limit Milliseconds for which calls are repeated.
 * @returns undefined if the limit has passed.
 */
export function pauseAfter(
  elapsed: number,
  limit: number,
): number | undefined {
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
  /** The dead letters, by uid. */
  readonly #letters = new Map<string, FailedCall[]>();
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

  /** Lists the dead letters. */
  list(): UndeliveredEnd[] {
    return [...this.#letters.values()].map((calls) => {
      const { end, attempt, error } = calls[0]!;
      const { uid, reason, at, session: { principal } } = end;
      return {
        uid,
        reason,
        at,
        principal,
        attempt,
        callbacks: calls.map(({ name, argument }) => ({ name, argument })),
        why: textOfThrown(error),
      };
    });
  }

  /** Calls the callbacks of a dead letter again; returns false if there is none. */
  retry(uid: string): boolean {
    const calls = this.#letters.get(uid);
    if (calls === undefined) return false;
    this.#letters.delete(uid);
    for (const { end, name, argument, onDone } of calls) {
      this.call(end, { name, argument }, onDone);
    }
    return true;
  }

  /** Deletes a dead letter; returns false if there is none. */
  delete(uid: string): boolean {
    for (const { onDone } of this.#letters.get(uid) ?? []) onDone?.();
    return this.#letters.delete(uid);
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
    if (pause === undefined) return this.#keep(failed);
    const timer = clock.setTimeout(() => {
      this.#timers.delete(timer);
      this.#call(failed);
    }, pause);
    this.#timers.set(timer, failed);
  }

  #keep(call: FailedCall): void {
    const { end, name } = call;
    const { uid, session } = end;
    this.#letters.set(uid, [...this.#letters.get(uid) ?? [], call]);
    this.#report(`${nameOf(name, uid)}: it is kept as a dead letter`, call);
    if (this.#letters.size <= MAX_LETTERS) return;
    const [oldest] = this.#letters.keys();
    this.delete(oldest!);
    this.#registry.site.reportError(
      new Error(
        `Cannot keep the dead letter of session "${oldest}": there are more than ${MAX_LETTERS}`,
      ),
      { session },
    );
  }

  #reportDropped(call: FailedCall): void {
    const name = nameOf(call.name, call.end.uid);
    this.#report(`${name} again: the sessions are closed`, call);
  }

  #report(message: string, { error, end: { session } }: FailedCall): void {
    this.#registry.site.reportError(
      new Error(message, { cause: error }),
      { session },
    );
  }
}

function nameOf(name: string, uid: string): string {
  return `Cannot call ${describe(name)} at the end of session "${uid}"`;
}
