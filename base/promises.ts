import { describe } from "./describe.ts";

/** A value that is available now, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

/** Returns whether a value is a promise or another object with a `then` method. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/** Calls `next` with a value: at once, or when its promise resolves. */
export function proceed<T, R>(
  value: MaybePromise<T>,
  next: (value: T) => MaybePromise<R>,
): MaybePromise<R> {
  return isPromiseLike(value)
    ? Promise.resolve(value as Promise<T>).then(next)
    : next(value as T);
}

/**
 * Waits until all promises have settled, and returns their values.
 *
 * @throws Rejects with the reason of the first rejected promise in the order of
 * `promises`.
 */
export async function settleAll<T>(
  promises: Iterable<T | PromiseLike<T>>,
): Promise<Awaited<T>[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

/** Calls a function, and returns a rejected promise if it throws. */
export function attempt<T>(act: () => MaybePromise<T>): MaybePromise<T> {
  try {
    return act();
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Checks that a callback is a function.
 *
 * @param act The action that needs the callback, for the message:
 * `"notify on expire"`.
 * @throws {TypeError} If the callback is not a function.
 */
export function checkCallback(act: string, callback: unknown): void {
  if (typeof callback === "function") return;
  throw new TypeError(
    `Cannot ${act}: the callback is not a function: ${describe(callback)}`,
  );
}

/** Callbacks in the order of registration, each as often as it was registered. */
export type Callbacks<T> = Set<{ readonly callback: T }>;

/** Adds a callback; returns a function that removes this registration only. */
export function addCallback<T>(
  callbacks: Callbacks<T>,
  callback: T,
): () => void {
  const entry = { callback };
  callbacks.add(entry);
  return () => void callbacks.delete(entry);
}

/**
 * Calls a callback that may throw or reject.
 *
 * @param report Receives the error that the callback throws or rejects with.
 * @returns a promise that never rejects, if the callback returned a promise;
 * otherwise undefined.
 */
export function callGuarded(
  callback: () => unknown,
  report: (error: unknown) => void,
): Promise<void> | undefined {
  try {
    const result = callback();
    if (!isPromiseLike(result)) return undefined;
    return Promise.resolve(result).then(() => {}, report);
  } catch (error) {
    report(error);
    return undefined;
  }
}

/** The parts of built-in modules that this package uses. */
interface Builtins {
  readonly "node:crypto": {
    hash(algorithm: string, data: string): string;
    hash(algorithm: string, data: string, encoding: "buffer"): Uint8Array;
    timingSafeEqual(one: Uint8Array, other: Uint8Array): boolean;
  };
  readonly "node:os": {
    /** Seconds since the machine was booted. */
    uptime(): number;
    /** The name of the machine. */
    hostname(): string;
  };
  readonly "node:util": {
    inspect(value: unknown): string;
  };
  readonly "node:v8": {
    serialize(value: unknown): { toString(encoding: "base64"): string };
    deserialize(bytes: Uint8Array): unknown;
    readonly DefaultDeserializer: new (bytes: Uint8Array) => {
      readHeader(): boolean;
      readValue(): unknown;
      /** Reads a view of bytes. Node calls it; a caller may replace it. */
      _readHostObject(): ArrayBufferView;
    };
  };
}

/** The loaded modules: asking the runtime takes half a microsecond each time. */
const modules: Partial<Builtins> = {};

/**
 * Loads a built-in module when it is first needed, since few programs need it
 * and some runtimes lack it.
 *
 * @throws {Error} If the runtime has no such module.
 */
export function builtin<Name extends keyof Builtins>(
  name: Name,
): Builtins[Name] {
  const { process } = globalThis as {
    process?: { getBuiltinModule?(name: string): unknown };
  };
  const module = modules[name] ?? process?.getBuiltinModule?.(name);
  if (module === undefined) {
    throw new Error(`Cannot load "${name}": this runtime does not have it`);
  }
  return modules[name] = module as Builtins[Name];
}

/**
 * Returns a function that loads a value once, and returns it from then on. It
 * tries again if that has failed.
 */
export function loadOnce<T>(load: () => Promise<T>): () => MaybePromise<T> {
  let loaded: MaybePromise<T> | undefined;
  return () =>
    loaded ??= load().then((value) => loaded = value, (error) => {
      loaded = undefined;
      throw error;
    });
}
