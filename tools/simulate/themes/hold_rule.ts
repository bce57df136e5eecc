import type {
  Claims,
  CommitTimes,
  NewSession,
  SessionChanges,
  SessionTimes,
} from "../../../stores/store.ts";
import type { Life } from "../host.ts";
import { isHold, type StoreCall } from "../wire.ts";
import type { Act, FreeAct, HoldAct } from "./act.ts";
import type { Judge, Rule } from "./rule.ts";

/** Milliseconds from the end of a session to that of its holds, if nothing fails. */
const LATEST = 2500;

/** A hold as the store has had it. Times are UNIX milliseconds of the store. */
interface StoredHold {
  readonly uid: string;
  readonly key: string;
  readonly fence: number;
  readonly holder: string | undefined;
  readonly life: Life;
  readonly deadline: number;
  /** Whether the callback of the program is called at the end. */
  readonly isCalled: boolean;
  /** Whether the record has a callback at all. */
  readonly hasCallback: boolean;
  /** When it was released, or ended with its session. */
  endedAt: number | undefined;
  isReleased: boolean;
  /** Whether another hold of the same holder is in its place. */
  isReplaced: boolean;
  /** Whether its end was delivered. */
  isDone: boolean;
  calls: number;
}

/**
 * Holds (docs/holds.md): one holder at a time, numbers that grow, an end with the
 * session or at the deadline, and a callback that is called once (promises 15, 16).
 */
export class HoldRule implements Rule {
  readonly #judge: Judge;
  readonly #holds: StoredHold[] = [];

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  get isQuiet(): boolean {
    const now = this.#now;
    return this.#holds.every((hold) =>
      hold.isReplaced || hold.isDone || !hold.hasCallback && isOver(hold, now)
    );
  }

  onCall(call: StoreCall, answer: unknown): void {
    const { name, args } = call;
    if (name === "claim") return this.#noteClaims(answer as Claims);
    const uid = name === "take" ? (args[0] as NewSession).uid : args[0];
    if (!isHold(uid) || answer === undefined || answer === false) return;
    if (name === "take") this.#noteTake(call, answer as SessionTimes);
    else if (name === "commit") this.#noteCommit(call, answer as CommitTimes);
    else if (name === "acknowledge" || name === "deadLetter") {
      const hold = this.#last(uid as string);
      if (hold !== undefined) hold.isDone = true;
    }
  }

  onAct(act: Act): void {
    if (act.kind === "free") this.#judgeCall(act);
    if (act.kind === "hold") this.#judgeHold(act);
  }

  finish(): void {
    const { fail, isReported, world } = this.#judge;
    const now = this.#now;
    for (const hold of this.#holds) {
      if (hold.isReplaced || hold.isReleased) continue;
      const name = this.#nameOf(hold);
      if (!isOver(hold, now)) fail(15, `the hold of ${name} never ends`);
      else if (
        hold.isCalled && hold.calls === 0 && !isReported(hold.uid, "free") &&
        !isReported(hold.uid, "dead letter")
      ) fail(16, `the callback of the hold of ${name} is lost`);
      const end = hold.holder === undefined
        ? undefined
        : world.truth.ends.get(hold.holder);
      if (end === undefined || !this.#isCalm) continue;
      const endedAt = Math.max(end.at, world.truth.heldUntil(hold.holder!));
      if ((hold.endedAt ?? hold.deadline) > endedAt + LATEST) {
        fail(15, `the hold of ${name} outlives its session`);
      }
    }
  }

  #noteTake({ args, life }: StoreCall, times: SessionTimes): void {
    const [session, replaces] = args as [NewSession, number | undefined];
    const { uid } = session;
    // The rule of warnings judges those.
    if (decodeURIComponent(uid).startsWith("hold:@curfew/")) return;
    const { fail } = this.#judge;
    const { version: fence, deadline, now } = times;
    const before = this.#last(uid);
    const [callback] = session.callbacks;
    const hold: StoredHold = {
      uid,
      key: decodeURIComponent(uid.slice("hold:".length)),
      fence,
      holder: textOf(session, "holder"),
      life,
      deadline,
      isCalled: callback?.name === "free",
      hasCallback: callback !== undefined,
      endedAt: undefined,
      isReleased: false,
      isReplaced: false,
      isDone: false,
      calls: 0,
    };
    this.#holds.push(hold);
    if (before === undefined) return;
    const name = this.#nameOf(before);
    if (fence <= before.fence) {
      fail(0, `${fence} comes after the hold of ${name}`);
    }
    if (replaces === undefined) {
      const isFree = before.isDone ||
        isOver(before, now) && (!before.hasCallback || before.isReleased);
      if (!isFree && !this.#isClockSet) {
        fail(0, `${hold.key} is taken while ${name} has it`);
      }
      return;
    }
    before.isReplaced = true;
    // A clock that is set back moves the end of a hold (ARCHITECTURE.md): one that
    // was released is there again until that end, with the number of its release.
    const isBack = this.#isClockSet && before.endedAt !== undefined;
    if (
      replaces !== before.fence && !isBack ||
      isOver(before, now) && !this.#isClockSet
    ) {
      fail(0, `${hold.key} is renewed, and ${name} has it no more`);
    }
  }

  #noteCommit({ args }: StoreCall, times: CommitTimes): void {
    const [uid, changes] = args as [string, SessionChanges];
    const hold = this.#last(uid);
    if (hold === undefined || times.isRefused) return;
    if (changes.absoluteTimeout === undefined) return;
    hold.endedAt = times.now;
    // A clock that is set back shows a released hold again, until that end. Its session
    // may end it then, and it has no callback any more.
    hold.isReleased ||= changes.values === undefined;
    if (hold.isReleased || hold.holder === undefined) return;
    const { fail, world } = this.#judge;
    const { now } = world.schedule;
    if (!world.truth.wasOver(hold.holder, now, now) && !this.#isClockSet) {
      fail(2, `the hold of ${this.#nameOf(hold)} ends before its session`);
    }
  }

  #noteClaims({ ends }: Claims): void {
    for (const { session } of ends) {
      const hold = isHold(session.uid) ? this.#last(session.uid) : undefined;
      if (hold === undefined || isOver(hold, session.now)) continue;
      if (this.#isClockSet) continue;
      this.#judge.fail(2, `the hold of ${this.#nameOf(hold)} ends early`);
    }
  }

  #judgeCall({ life, uid, key, fence }: FreeAct): void {
    const { fail, judgeOnce } = this.#judge;
    const hold = this.#holds.find((one) =>
      one.uid === uid && one.fence === fence
    );
    if (hold === undefined) {
      return fail(15, `${key} is freed of an unknown hold`);
    }
    const name = this.#nameOf(hold);
    if (hold.isReleased) fail(16, `${name} is freed, and was released`);
    if (hold.isReplaced) fail(16, `${name} is freed, and was renewed`);
    hold.calls++;
    judgeOnce({ key: `${uid} ${fence}`, uid, life }, `frees ${name}`);
  }

  /** A program may not take a hold for longer than it is. */
  #judgeHold({ life, key, fence, expiresAt }: HoldAct): void {
    const { fail, world } = this.#judge;
    const hold = this.#holds.find((one) =>
      one.key === key && one.fence === fence
    );
    if (hold === undefined) return fail(0, `${key} is held without a record`);
    if (world.plan.drifts[0] !== 1 || this.#isClockSet) return;
    const offset = life.host.wall.at(0) - world.truth.clock.at(0);
    if (expiresAt * 1000 - offset > hold.deadline + 1) {
      fail(0, `the hold of ${this.#nameOf(hold)} ends earlier than it says`);
    }
  }

  #last(uid: string): StoredHold | undefined {
    return this.#holds.findLast((hold) => hold.uid === uid);
  }

  #nameOf({ key, holder, life }: StoredHold): string {
    const by = holder === undefined
      ? life.name
      : this.#judge.world.nameOf(holder);
    return `"${key}" by ${by}`;
  }

  get #isCalm(): boolean {
    const { plan, hosts } = this.#judge.world;
    return plan.rates.lost + plan.rates.slow === 0 && plan.failures === 0 &&
      !this.#isClockSet &&
      hosts.every((host) => host.troubles.length === 0 && host.blocked === 0);
  }

  get #isClockSet(): boolean {
    return this.#judge.world.truth.clock.wasSet(0, Infinity);
  }

  /** UNIX milliseconds of the store. */
  get #now(): number {
    const { truth, schedule } = this.#judge.world;
    return truth.clock.at(schedule.now);
  }
}

function isOver({ endedAt, deadline }: StoredHold, now: number): boolean {
  return endedAt !== undefined || now >= deadline;
}

function textOf({ values }: NewSession, key: string): string | undefined {
  const text = values.get(key);
  return text === undefined ? undefined : JSON.parse(text.slice(1));
}
