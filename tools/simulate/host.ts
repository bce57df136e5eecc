import type { Clock } from "../../base/clock.ts";
import type { Sessions } from "../../sessions.ts";
import { mix, unitOf } from "./random.ts";
import type { Schedule } from "./schedule.ts";

/** The first time of all clocks, in UNIX milliseconds. */
const BEGIN = 1_800_000_000_000;

/** A clock that a person or a time server may set. */
export class WallClock {
  readonly #changes: { readonly from: number; readonly offset: number }[];
  readonly #rate: number;

  /** @param rate Milliseconds that pass in a millisecond. */
  constructor(offset: number, rate: number) {
    this.#changes = [{ from: -Infinity, offset }];
    this.#rate = rate;
  }

  /** Sets the clock forward, or back if `by` is negative. */
  step(now: number, by: number): void {
    const { offset } = this.#changes.at(-1)!;
    this.#changes.push({ from: now, offset: offset + by });
  }

  /** Whether the clock was set between two simulated times. */
  wasSet(from: number, to: number): boolean {
    return this.#changes.some((each) => each.from >= from && each.from <= to);
  }

  /** Returns the time by the clock as it was set farthest ahead since another time. */
  latestAt(time: number, since: number): number {
    const times = this.#changes.map(({ from }) => from)
      .filter((from) => from > since && from <= time);
    return Math.max(
      ...[since, ...times].map((from) => this.at(from) + time - from),
    );
  }

  /** Returns its UNIX milliseconds at a simulated time. */
  at(time: number): number {
    return Math.floor(BEGIN + this.#offsetAt(time) + time * this.#rate);
  }

  #offsetAt(time: number): number {
    return this.#changes.findLast(({ from }) => from <= time)!.offset;
  }
}

/** One run of the program on a host. */
export class Life {
  readonly host: Host;
  readonly name: string;
  readonly clock: Clock;
  /** Set when the program has started. */
  sessions!: Sessions;
  /** Whether it stops, and takes no requests any more. */
  isClosing = false;
  /** When the program was started. */
  readonly beganAt: number;
  /** When its sessions were closed, in simulated milliseconds. */
  closedAt = Infinity;
  /** How many requests are under way. */
  open = 0;
  /** Stops its notifications from the store. */
  readonly unwatch: Set<() => void> = new Set();
  /** When it crashed, in simulated milliseconds; undefined if it did not. */
  crashedAt: number | undefined = undefined;
  /** When each session ended here, in simulated milliseconds. */
  readonly endedAt: Map<string, number> = new Map();
  readonly #timers = new Map<number, () => void>();
  #lastTimer = 0;

  constructor(host: Host, name: string) {
    this.host = host;
    this.name = name;
    this.beganAt = host.now;
    this.clock = {
      now: () => host.wallNow(),
      monotonic: () => host.monotonic(),
      setTimeout: (callback, delay) => this.#setTimeout(callback, delay),
      clearTimeout: (id) => void this.#timers.delete(id as number),
    };
  }

  /** Whether the program runs. */
  get isAlive(): boolean {
    return this.host.life === this;
  }

  /** Lets something happen here, unless the program has died by then. */
  happen(at: number, act: () => void): void {
    this.host.schedule.add(at, () => this.#happen(act));
  }

  /** Resolves after so many milliseconds. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) =>
      void this.clock.setTimeout(resolve, milliseconds)
    );
  }

  #happen(act: () => void): void {
    const { schedule, stoppedUntil } = this.host;
    if (!this.isAlive) return;
    if (schedule.now < stoppedUntil) this.happen(stoppedUntil, act);
    else act();
  }

  #setTimeout(callback: () => void, delay: number): number {
    const { host } = this;
    const id = ++this.#lastTimer;
    // Timers are a little late, and not at once.
    const late = unitOf(mix(host.seed, this.name, id));
    const due = host.monotonic() + Math.max(0, delay) + late;
    this.#timers.set(id, callback);
    const wait = () => host.now + (due - host.monotonic()) / host.rate;
    const fire = () => {
      const isDue = host.monotonic() >= due - 0.001;
      if (!isDue) return this.happen(wait(), fire);
      const callback = this.#timers.get(id);
      this.#timers.delete(id);
      callback?.();
    };
    this.happen(wait(), fire);
    return id;
  }
}

/** A machine that runs the program: its clocks, and when it stands still. */
export class Host {
  readonly schedule: Schedule;
  readonly name: string;
  readonly seed: number;
  readonly wall: WallClock;
  /** How fast its clocks run. */
  readonly rate: number;
  /** The program that runs now; undefined while none does. */
  life: Life | undefined = undefined;
  lives = 0;
  /** Until when it neither computes nor reads. */
  stoppedUntil = 0;
  /** Milliseconds that its event loop was blocked, in all. */
  blocked = 0;
  /** Milliseconds that the event which happens now has computed. */
  #busy = 0;
  /** Milliseconds that it has slept, during which its timers stood still. */
  #slept = 0;
  /** When it slept: its monotonic clock does not tell. */
  readonly sleeps: { readonly from: number; readonly to: number }[] = [];
  /** When it stood still, slept or was cut off, in simulated milliseconds. */
  readonly troubles: { readonly from: number; readonly to: number }[] = [];
  /** When its event loop was blocked, in simulated milliseconds. */
  readonly blocks: { readonly from: number; readonly to: number }[] = [];
  /** When it had no process, in simulated milliseconds. */
  readonly downs: { readonly from: number; readonly to: number }[] = [];

  constructor(
    schedule: Schedule,
    options: {
      readonly name: string;
      readonly seed: number;
      readonly offset: number;
      readonly rate: number;
    },
  ) {
    this.schedule = schedule;
    this.name = options.name;
    this.seed = options.seed;
    this.rate = options.rate;
    this.wall = new WallClock(options.offset, options.rate);
  }

  /** Simulated milliseconds, as far as this host has computed. */
  get now(): number {
    return this.schedule.now + this.#busy;
  }

  wallNow(): number {
    return this.wall.at(this.now);
  }

  monotonic(): number {
    return (this.now - this.#slept) * this.rate;
  }

  /** Begins a run of the program. */
  start(): Life {
    return this.life = new Life(this, `${this.name}.${++this.lives}`);
  }

  /** Blocks the event loop for so many milliseconds. */
  block(milliseconds: number): void {
    this.blocks.push({ from: this.now, to: this.now + milliseconds });
    this.#busy += milliseconds;
    this.blocked += milliseconds;
  }

  /** Sets its clock, but not while it computes: it has read the clock by then. */
  setClock(by: number): void {
    this.wall.step(Math.max(this.schedule.now, this.stoppedUntil), by);
  }

  /** Stands still, while its clocks go on. */
  freeze(milliseconds: number): void {
    const { now } = this.schedule;
    this.stoppedUntil = Math.max(this.stoppedUntil, now + milliseconds);
    this.trouble(now, this.stoppedUntil);
  }

  /** Sleeps, while its monotonic clock and its timers stand still. */
  sleep(milliseconds: number): void {
    const { now } = this.schedule;
    const before = Math.max(now, this.stoppedUntil);
    this.freeze(milliseconds);
    this.sleeps.push({ from: now, to: this.stoppedUntil });
    this.#slept += this.stoppedUntil - before;
  }

  /** Notes a time at which it cannot do what it promises. */
  trouble(from: number, to: number): void {
    this.troubles.push({ from, to });
  }

  /** Whether there was such a time between two others. */
  hadTrouble(from: number, to: number): boolean {
    return this.troubles.some((each) => each.from <= to && each.to >= from);
  }

  /** Whether it could read no answer at some time between two others. */
  hasStood(from: number, to: number): boolean {
    return this.hadTrouble(from, to) ||
      this.blocks.some((each) => each.from <= to && each.to >= from);
  }

  /** Notes a time without a process. */
  noteDown(from: number, to: number): void {
    this.downs.push({ from, to });
  }

  /** Whether there was no process at some time between two others. */
  wasDown(from: number, to: number): boolean {
    return this.downs.some((each) => each.from <= to && each.to >= from);
  }

  /** Ends an event: what comes later waits until the host has computed it. */
  settle(): void {
    if (this.#busy === 0) return;
    this.stoppedUntil = Math.max(
      this.stoppedUntil,
      this.schedule.now + this.#busy,
    );
    this.#busy = 0;
  }
}
