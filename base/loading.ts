import type { MaybePromise } from "./promises.ts";

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

/** What is loaded: asking the runtime takes half a microsecond each time. */
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
