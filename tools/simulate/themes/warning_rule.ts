import type { LoadOptions, SessionTimes } from "../../../stores/store.ts";
import type { Life } from "../host.ts";
import type { StoreCall } from "../wire.ts";
import type { Act, WarnAct, WarnedAct } from "./act.ts";
import type { Judge, Rule } from "./rule.ts";

/** Milliseconds by which two deadlines are taken for one. */
const SAME = 500;

/** Milliseconds from a registration to its first warning, and some for the way. */
const FIRST = 1300;

/** Milliseconds from the end of a session to a warning that was on its way. */
const LATEST = 200;

/** Milliseconds from a registration to a first warning by a function. */
const AT_ONCE = 100;

/** Milliseconds by which two deadlines differ at least that a function is warned of. */
const NEXT = 90;

/** A touch of a session by a load, or the load of such a touch. */
interface Touch {
  readonly life: Life;
  /** UNIX milliseconds of the store. */
  readonly touchedAt: number;
  readonly deadline: number;
}

/** Warnings (promise 16): before the end, once for each end, and not lost. */
export class WarningRule implements Rule {
  readonly #judge: Judge;
  readonly #acts: WarnAct[] = [];
  readonly #warned: WarnedAct[] = [];
  /** The deadline that each key of `judgeOnce()` is about. */
  readonly #periods = new Map<string, number[]>();

  /** The last touch of each session by a load. */
  readonly #touches = new Map<string, Touch>();
  /** The touch that each program has read last, if it is that of another program. */
  readonly #readTouches = new Map<string, Touch>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onCall({ name, args, life }: StoreCall, answer: unknown): void {
    if (name !== "load" && name !== "commit" || answer === undefined) return;
    const [uid, { touch }] = args as [string, Partial<LoadOptions>];
    // The answer to a commit has the times of the record, too.
    const { touchedAt, deadline } = answer as SessionTimes;
    const read = { life, touchedAt, deadline };
    if (touch) this.#touches.set(uid, read);
    const last = this.#touches.get(uid);
    const isOfOther = last?.touchedAt === touchedAt && last.life !== life;
    const key = `${life.name} ${uid}`;
    if (isOfOther) this.#readTouches.set(key, read);
    else this.#readTouches.delete(key);
  }

  onAct(act: Act): void {
    if (act.kind === "warn") this.#acts.push(act);
    if (act.kind !== "warned") return;
    this.#warned.push(act);
    this.#judgeOnce(act);
    this.#judgeTime(act);
  }

  finish(): void {
    const { fail, isReported, world } = this.#judge;
    const { truth } = world;
    for (const { ask, life, uid, lead, at, isByName } of this.#acts) {
      const end = truth.ends.get(uid);
      if (ask.status !== 200 || end === undefined) continue;
      if (end.reason !== "idle" && end.reason !== "absolute") continue;
      if (isReported(uid, "")) continue;
      const endedAt = end.at - truth.clock.at(0);
      if (!this.#isCalm(ask.arrivedAt)) continue;
      if (isByName) {
        // A timeout that becomes shorter makes such a warning late.
        const isShorter = world.asks.some(({ timeout, got }) =>
          timeout !== undefined && got?.uid === uid
        );
        if (isShorter) continue;
        if (endedAt < ask.answeredAt! + FIRST) continue;
        // No program could give it: each was closing, and the next one began later.
        const isRunning = world.hosts.some((host) =>
          host.life !== undefined && host.life.beganAt <= endedAt - lead
        );
        if (!isRunning) continue;
      } else {
        // A function is called in its program, as long as that runs.
        if (endedAt < at + AT_ONCE || life.isClosing || !life.isAlive) continue;
        // It is warned by what its program has loaded. A look that was under way in
        // another program had postponed the end (docs/simulator.md).
        const read = this.#readTouches.get(`${life.name} ${uid}`);
        if (read !== undefined && read.deadline > end.at + SAME) continue;
      }
      const isWarned = this.#warned.some((act) => {
        if (act.name !== ask.name) return false;
        const told = this.#deadlineOf(act) - end.at;
        // A request under way that turns out to be no visit has moved the deadline.
        const isSoon = told > 0 && act.at > endedAt - lead - LATEST;
        return isSoon || Math.abs(told) < SAME + 100;
      });
      if (isWarned) continue;
      fail(16, `the warning of ${ask.name}, ${lead} ms before, is lost`);
    }
  }

  #judgeOnce(act: WarnedAct): void {
    const { name, life, uid, isByName } = act;
    const deadline = this.#deadlineOf(act);
    const periods = this.#periods.get(name) ?? [];
    this.#periods.set(name, periods);
    if (!isByName) return this.#judgeFunction(act, deadline, periods);
    const found = periods.findIndex((one) => Math.abs(one - deadline) < SAME);
    const index = found === -1 ? periods.push(deadline) - 1 : found;
    const key = `${name} ${index}`;
    const { judgeOnce, world } = this.#judge;
    // Each process reads the deadline by its own clock.
    if (world.plan.offsets.some((offset) => offset !== 0)) return;
    // A claim whose answer is lost delivers the end of a hold after the lease.
    if (world.plan.rates.lost > 0) return;
    judgeOnce({ key, uid, life }, `warns ${name}`);
  }

  /** A function is called once for each deadline. */
  #judgeFunction(
    { name, life }: WarnedAct,
    deadline: number,
    periods: number[],
  ): void {
    const isAgain = periods.some((one) => Math.abs(one - deadline) < NEXT);
    periods.push(deadline);
    if (!isAgain || !this.#isCalm(0)) return;
    // A warning that is due at each touch is given at each load: a program does not
    // know yet that the request only looks.
    const { sessionTimeout } = this.#judge.world.plan;
    const act = this.#acts.find(({ ask }) => ask.name === name)!;
    if (act.lead > sessionTimeout * 1000 - NEXT) return;
    this.#judge.fail(15, `${life.name} warns ${name} again`);
  }

  #judgeTime({ name, uid, life, at }: WarnedAct): void {
    const { fail, world } = this.#judge;
    const before = at - LATEST;
    if (!this.#isCalm(before - 10_000) || world.wasSet(life, 0, at)) return;
    const [first] = world.truth.moments.get(uid) ?? [];
    if (first === undefined || first.at > before) return;
    if (!world.truth.wasOver(uid, before, before)) return;
    fail(16, `${name} is warned, and ${world.nameOf(uid)} has ended`);
  }

  /** Returns the deadline that a warning tells, by the clock of the store. */
  #deadlineOf({ expiresAt, life, at }: WarnedAct): number {
    const offset = life.host.wall.at(at) - this.#judge.world.truth.clock.at(at);
    return expiresAt * 1000 - offset;
  }

  /** Whether nothing has failed since a time. */
  #isCalm(from: number): boolean {
    const { plan, hosts, truth } = this.#judge.world;
    return plan.rates.lost + plan.rates.slow === 0 && plan.failures === 0 &&
      !truth.clock.wasSet(0, Infinity) &&
      hosts.every((host) =>
        host.blocked === 0 && !host.hadTrouble(from, Infinity) &&
        !host.wall.wasSet(0, Infinity)
      );
  }
}
