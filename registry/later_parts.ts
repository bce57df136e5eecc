import {
  isPromiseLike,
  loadOnce,
  type MaybePromise,
} from "../base/promises.ts";
import type { HoldOptions } from "../session/hold.ts";
import type { HoldParts, HoldPartsRegistry } from "./hold_parts.ts";
import type { Holds } from "./holds.ts";

const loadHoldParts = loadOnce(() => import("./hold_parts.ts"));

/** The members of the registry that loading its parts uses. */
export interface WaitingRegistry extends HoldPartsRegistry {
  readonly backend: HoldPartsRegistry["backend"] & {
    /** Makes requests wait for a promise; undefined over a store. */
    waitFor?(promise: Promise<void>): void;
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

  /** Returns the parts that use holds. */
  open(): MaybePromise<HoldParts> {
    if (this.#holdParts !== undefined) return this.#holdParts;
    const loading = loadHoldParts();
    return isPromiseLike(loading)
      ? loading.then((module) => this.#make(module))
      : this.#make(loading);
  }

  #make(module: typeof import("./hold_parts.ts")): HoldParts {
    return this.#holdParts ??= new module.HoldParts(this.#registry);
  }

  /** Calls a function with the holds, and with the options as they are now. */
  withHolds<T>(
    options: HoldOptions,
    use: (holds: Holds, options: HoldOptions) => Promise<T>,
  ): Promise<T> {
    const parts = this.open();
    if (!isPromiseLike(parts)) return use(parts.holds, options);
    const copy = copyOf(options);
    return parts.then(({ holds }) => use(holds, copy));
  }

  /**
   * Registers a callback with the parts that use holds. Until their code is
   * loaded, requests wait, so that no visit is missed.
   *
   * @param argument Passed on as it is now.
   *
   * @returns a function that removes the registration.
   */
  register<T>(
    argument: T,
    register: (parts: HoldParts, argument: T) => () => void,
  ): () => void {
    const parts = this.open();
    if (!isPromiseLike(parts)) return register(parts, argument);
    const copy = copyOf(argument);
    let isWanted = true;
    let remove = NOTHING;
    const registering = parts.then((parts) => {
      if (isWanted) remove = register(parts, copy);
    });
    const { site, backend } = this.#registry;
    backend.waitFor?.(
      registering.catch((error) => site.reportError(error, {})),
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
