import { randomId } from "../../base/ids.ts";
import { Random } from "./random.ts";

/** Puts the globals back. */
export interface Seams extends Disposable {
  /** Begins the random numbers of a seed. */
  begin(seed: number): void;
}

/** The time that is put in the place of the process's. */
export interface SimulatedTime {
  now(): number;
  monotonic(): number;
  setTimeout(callback: () => void, delay: number): number;
  clearTimeout(id: unknown): void;
}

/**
 * Replaces the random numbers and the clock of the process by simulated ones, as
 * FakeTime does.
 *
 * @param hasTimers Whether timers of the process are simulated, as those of a
 * store's connections. If not they throw: all timers are those of a `Clock`.
 */
export function replaceGlobals(
  clock: SimulatedTime,
  hasTimers: boolean,
): Seams {
  const { getRandomValues, randomUUID } = crypto;
  const { random } = Math;
  const { now: dateNow } = Date;
  const { setTimeout, clearTimeout } = globalThis;
  const performanceNow = performance.now;
  let numbers = new Random(0);
  let drawn = 0;
  crypto.getRandomValues = <T extends ArrayBufferView | null>(array: T): T => {
    drawn++;
    const bytes = array as unknown as Uint8Array;
    for (let index = 0; index < bytes.length; index++) {
      bytes[index] = numbers.below(256);
    }
    return array;
  };
  crypto.randomUUID = () => {
    const text = Array.from(
      { length: 32 },
      () => numbers.below(16).toString(16),
    ).join("");
    return text.replace(
      /^(.{8})(.{4})(.{4})(.{4})/,
      "$1-$2-$3-$4-",
    ) as ReturnType<typeof randomUUID>;
  };
  Math.random = () => numbers.next();
  Date.now = () => Math.floor(clock.now());
  performance.now = () => clock.monotonic();
  globalThis.setTimeout = Object.assign((callback: () => void, delay = 0) => {
    if (hasTimers) return clock.setTimeout(callback, delay);
    throw new Error("Cannot set a timer of the process in a simulation");
  }, setTimeout) as typeof setTimeout;
  if (hasTimers) globalThis.clearTimeout = (id) => clock.clearTimeout(id);
  return {
    begin(seed) {
      numbers = new Random(seed);
      // The ids that are left over from the seed before.
      const before = drawn;
      while (drawn === before) randomId();
    },
    [Symbol.dispose]() {
      crypto.getRandomValues = getRandomValues;
      crypto.randomUUID = randomUUID;
      Math.random = random;
      Date.now = dateNow;
      performance.now = performanceNow;
      globalThis.setTimeout = setTimeout;
      globalThis.clearTimeout = clearTimeout;
    },
  };
}
