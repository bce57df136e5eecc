import {
  isPromiseLike,
  loadOnce,
  type MaybePromise,
} from "../base/promises.ts";
import type { HoldParts, HoldPartsRegistry } from "./later_code.ts";

/** Loads the code that few programs without a store need. */
export const loadLaterCode: () => MaybePromise<
  typeof import("./later_code.ts")
> = loadOnce(() => import("./later_code.ts"));

/** The members of the registry that loading its parts uses. */
export interface WaitingRegistry extends HoldPartsRegistry {
  readonly backend: HoldPartsRegistry["backend"] & {
    /** Makes requests wait for a promise; undefined over a store. */
    waitFor?(promise: Promise<unknown>): void;
  };
}

/** Does nothing: there is nothing to remove. */
const NOTHING = (): void => {};

/**
 * The parts of a registry that few programs need. Without a store their code is
 * loaded when it is first needed.
 */
export class LaterParts {
  readonly #registry: WaitingRegistry;
  #holdParts: HoldParts | undefined = undefined;

  constructor(registry: WaitingRegistry) {
    this.#registry = registry;
  }

  /** Sets the parts that use holds: a store brings their code. */
  provide(parts: HoldParts): void {
    this.#holdParts = parts;
  }

  /** Loads the code that few programs need. */
  load(): MaybePromise<typeof import("./later_code.ts")> {
    return loadLaterCode();
  }

  /**
   * Calls a function with the parts that use holds: at once, or when their code is
   * loaded, with the argument as it is now.
   */
  with<A, R>(
    argument: A,
    use: (parts: HoldParts, argument: A) => R,
  ): R | Promise<Awaited<R>> {
    const module = this.#holdParts ?? loadLaterCode();
    if (!isPromiseLike(module)) return use(this.#open(module), argument);
    const copy = copyOf(argument);
    return module.then((module) => use(this.#open(module), copy)) as Promise<
      Awaited<R>
    >;
  }

  #open(module: HoldParts | typeof import("./later_code.ts")): HoldParts {
    return this.#holdParts ??= "HoldParts" in module
      ? new module.HoldParts(this.#registry)
      : module;
  }

  /**
   * Registers a callback with the parts that use holds. Until their code is
   * loaded, requests wait, so that no visit is missed.
   *
   * @param argument Passed on as it is now.
   * @returns a function that removes the registration.
   */
  register<A>(
    argument: A,
    register: (parts: HoldParts, argument: A) => () => void,
  ): () => void {
    let isWanted = true;
    const registering = this.with(
      argument,
      (parts, argument) => isWanted ? register(parts, argument) : NOTHING,
    );
    if (!isPromiseLike(registering)) return registering;
    const { site, backend } = this.#registry;
    let remove = NOTHING;
    backend.waitFor?.(
      registering.then((removing) => {
        remove = removing;
      }, (error) => site.reportError(error, {})),
    );
    return () => {
      isWanted = false;
      remove();
    };
  }

  /** Ends the holds that are in no store. */
  halt(): void {
    this.#holdParts?.halt();
  }
}

/** Returns a copy, or the value itself if it cannot be copied. */
function copyOf<T>(value: T): T {
  try {
    return structuredClone(value);
  } catch {
    // The check of the argument refuses it.
    return value;
  }
}
