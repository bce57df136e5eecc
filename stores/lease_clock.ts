import { builtin } from "../base/promises.ts";
import { isDateFaked, systemClock } from "../base/clock.ts";

/** The members of a clock that leases use. */
export interface StoreClock {
  /** As {@linkcode Clock.now}. */
  now(): number;
  /** As {@linkcode Clock.monotonic}. */
  monotonic?(): number;
}

/** When a lease began, by both clocks. */
export interface LeaseStart {
  /** UNIX milliseconds of the store's clock. */
  readonly at: number;
  /** Milliseconds of the steady time; undefined if it could not be read. */
  readonly steadyAt: number | undefined;
}

/** A time in milliseconds that setting the clock does not change. */
export interface SteadyTime {
  /** Reads the time; undefined if that is not allowed. */
  read(): number | undefined;
  /** The milliseconds by which a reading may be too small. */
  readonly precision: number;
}

/** The steady time of one process. */
export const PROCESS_TIME: SteadyTime = {
  read: () => performance.now(),
  precision: 0,
};

/**
 * The time since the machine was booted, in whole seconds. It is read only with
 * `--allow-sys=osUptime`, and without asking for the permission.
 */
export const MACHINE_TIME: SteadyTime = {
  read() {
    const permission = globalThis.Deno?.permissions.querySync(
      { name: "sys", kind: "osUptime" },
    );
    return permission === undefined || permission.state === "granted"
      ? Math.floor(builtin("node:os").uptime()) * 1000
      : undefined;
  },
  precision: 1000,
};

/**
 * Measures how much of a lease has passed.
 *
 * Leases are stored with times of the store's clock. If that clock is set forward,
 * all leases would end at once, and other processes would deliver the same ends. So
 * the steady time limits how much can have passed.
 */
export class LeaseClock {
  readonly #clock: StoreClock;
  readonly #steady: SteadyTime;

  /**
   * @param clock The clock of the store; its `monotonic()` is used if there is
   * one.
   * @param steady The steady time that all users of the store share.
   */
  constructor(clock: StoreClock, steady: SteadyTime) {
    this.#clock = clock;
    this.#steady = steady;
  }

  /** Returns the start of a lease that begins now. */
  start(now: number): LeaseStart {
    return { at: now, steadyAt: this.#read() };
  }

  /** Returns the most milliseconds that can have passed since a start. */
  passedSince({ at, steadyAt }: LeaseStart, now: number): number {
    const steady = this.#read();
    // After a reboot the steady time begins again.
    if (steady === undefined || steadyAt === undefined || steady < steadyAt) {
      return now - at;
    }
    const { precision } = this.#clock.monotonic === undefined
      ? this.#steady
      : PROCESS_TIME;
    return Math.min(now - at, steady - steadyAt + precision);
  }

  #read(): number | undefined {
    if (this.#clock.monotonic !== undefined) return this.#clock.monotonic();
    // Tests that fake the date do not move the steady time.
    return isDateFaked() ? undefined : this.#steady.read();
  }
}

/** Returns the steady time for a store that only one process uses. */
export function steadyTimeOf(clock: StoreClock): SteadyTime {
  // A clock without steady time may be one that a test moves.
  return clock === systemClock ? PROCESS_TIME : NO_TIME;
}

const NO_TIME: SteadyTime = { read: () => undefined, precision: 0 };
