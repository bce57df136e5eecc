import type { Clock } from "../../base/clock.ts";
import { LeaseClock, MACHINE_TIME } from "../lease_clock.ts";
import { dueReasonOf, uidTakenUntil } from "../record.ts";
import type {
  Claimant,
  ClaimedEnd,
  Claims,
  DeadLetter,
  EndProgress,
} from "../store.ts";
import type { SqliteDatabase } from "./database.ts";
import { SqliteNotifications } from "./notifications.ts";
import { encodeCallbacks, endOf, isOver, recordOf, type Row } from "./row.ts";
import { isOne, type Statements } from "./statements.ts";

/** Parts of a store that its ends need. */
export interface EndsOptions {
  /** The clock of the store. */
  readonly clock: Clock;
  /** The statements of the store. */
  readonly statements: Statements;
  /** Milliseconds between two polls for notifications. */
  readonly interval: number;
}

/** The ends of the sessions in a database. */
export class SqliteEnds {
  /** Notifies of each end, and of earlier deadlines. */
  readonly notifications: SqliteNotifications;
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;
  readonly #leaseClock: LeaseClock;
  readonly #statements: Statements;

  constructor(database: SqliteDatabase, options: EndsOptions) {
    const { clock, statements, interval } = options;
    this.#database = database;
    this.#clock = clock;
    this.#leaseClock = new LeaseClock(clock, MACHINE_TIME);
    this.#statements = statements;
    this.notifications = new SqliteNotifications(database, {
      clock,
      interval,
      nextDue: () => this.#nextDue(),
    });
  }

  /** As {@linkcode SessionStore.end}. */
  end(
    uid: string,
    reason: string,
    claimant: Claimant,
  ): ClaimedEnd | undefined {
    const end = this.#database.write("end a session in", () => {
      const row = this.#statements.select.get(uid) as Row | undefined;
      const now = this.#clock.now();
      if (row === undefined || isOver(row, now)) return undefined;
      return this.#claim(this.#end(row, reason, now, now), claimant, now);
    });
    if (end !== undefined) this.#notify([end], claimant);
    return end;
  }

  /** As {@linkcode SessionStore.claim}. */
  claim(claimant: Claimant, limit: number): Claims {
    const nextIn = this.nextIn();
    // No lock is taken while there is nothing to claim.
    if (nextIn > 0) return { ends: [], nextIn };
    const ends = this.#database.write("claim ends in", () => {
      const now = this.#clock.now();
      const rows = this.#statements.selectDue.all(now, limit);
      return (rows as unknown as Row[]).flatMap((row) => {
        if (this.#isPostponed(row, now)) return [];
        const ended = row.reason === null
          ? this.#end(row, dueReasonOf(recordOf(row)), row.deadline, now)
          : row;
        return [this.#claim(ended, claimant, now)];
      });
    });
    this.#notify(ends, claimant);
    return { ends, nextIn: this.nextIn() };
  }

  /** As {@linkcode SessionStore.renew}. */
  renew(uid: string, fence: string, lease: number): boolean {
    const now = this.#clock.now();
    const { steadyAt = null } = this.#leaseClock.start(now);
    const renew = (due: number) =>
      this.#statements.renew.run(due, now, steadyAt, uid, fence);
    return this.#database.try(
      "renew a claim in",
      () => this.#setDue(now + lease, renew),
    );
  }

  /** As {@linkcode SessionStore.release}. */
  release(
    uid: string,
    fence: string,
    delay: number,
    progress?: EndProgress,
  ): boolean {
    const release = () =>
      this.#setDue(
        this.#clock.now() + delay,
        (due) => this.#statements.release.run(due, uid, fence),
      );
    const act = "release a claim in";
    if (progress === undefined) return this.#database.try(act, release);
    return this.#database.write(
      act,
      () => this.#keepProgress(uid, fence, progress) && release(),
    );
  }

  /** As {@linkcode SessionStore.acknowledge}. */
  acknowledge(uid: string, fence: string): boolean {
    return this.#database.write("acknowledge an end in", () => {
      const row = this.#statements.acknowledge.get(uid, fence);
      if (row === undefined) return false;
      const now = this.#clock.now();
      this.#statements.freeUids.run(now);
      this.#statements.takeUid.run(
        uid,
        uidTakenUntil(now, row.deadline as number),
      );
      return true;
    });
  }

  /** As {@linkcode SessionStore.deadLetter}. */
  deadLetter(
    uid: string,
    fence: string,
    why: string,
    progress?: EndProgress,
  ): boolean {
    const text = JSON.stringify(why);
    return this.#database.write("write a dead letter to", () => {
      if (progress !== undefined) this.#keepProgress(uid, fence, progress);
      return isOne(this.#statements.deadLetter.run(text, uid, fence));
    });
  }

  /** As {@linkcode SessionStore.retryDeadLetter}. */
  retryDeadLetter(uid: string): boolean {
    const now = this.#clock.now();
    const isThere = this.#database.try(
      "retry a dead letter in",
      () => isOne(this.#statements.retryDeadLetter.run(now, uid)),
    );
    if (isThere) this.notifications.notifyDue(now);
    return isThere;
  }

  /** As {@linkcode SessionStore.deleteDeadLetter}. */
  deleteDeadLetter(uid: string): boolean {
    return this.#database.try(
      "delete a dead letter from",
      () => isOne(this.#statements.deleteDeadLetter.run(uid)),
    );
  }

  /** Lists the dead letters, the earliest end first. */
  listDeadLetters(): DeadLetter[] {
    const now = this.#clock.now();
    const rows = this.#database.try(
      "read the store",
      () => this.#statements.selectDeadLetters.all(),
    );
    return (rows as unknown as Row[]).map((row) => ({
      ...endOf(row, now),
      why: JSON.parse(row.why!) as string,
    }));
  }

  /** As {@linkcode SessionStore.nextIn}. */
  nextIn(): number {
    const due = this.#database.try("read the store", () => this.#nextDue());
    this.notifications.setNextDue(due);
    return Math.max(0, due - this.#clock.now());
  }

  #nextDue(): number {
    const { due } = this.#statements.nextDue.get()!;
    return due as number | null ?? Infinity;
  }

  /**
   * Writes the time at which a claimed end is due; returns whether it was claimed.
   */
  #setDue(
    due: number,
    run: (due: number) => { readonly changes: number | bigint },
  ): boolean {
    const isClaimed = isOne(run(due));
    if (isClaimed) this.notifications.notifyDue(due);
    return isClaimed;
  }

  #keepProgress(
    uid: string,
    fence: string,
    { areListenersDone, callbacks }: EndProgress,
  ): boolean {
    return isOne(
      this.#statements.keepProgress.run(
        areListenersDone ? 1 : 0,
        encodeCallbacks(callbacks),
        this.#clock.now(),
        uid,
        fence,
      ),
    );
  }

  /** Extends a lease that has run out only because the clock was set forward. */
  #isPostponed(row: Row, now: number): boolean {
    const { due, leasedAt, leaseSteadyAt, id } = row;
    if (leasedAt === null) return false;
    const start = { at: leasedAt, steadyAt: leaseSteadyAt ?? undefined };
    const passed = this.#leaseClock.passedSince(start, now);
    const left = due - leasedAt - passed;
    if (left <= 0) return false;
    this.#statements.postpone.run(now + left, now - passed, id);
    return true;
  }

  /** Returns the row with its end, and writes the notification of it. */
  #end(row: Row, reason: string, at: number, now: number): Row {
    this.notifications.write({ uid: row.uid, reason, at }, now);
    return { ...row, reason: JSON.stringify(reason), at, attempt: 0 };
  }

  #claim(row: Row, claimant: Claimant, now: number): ClaimedEnd {
    const fence = crypto.randomUUID();
    const claimed = { ...row, attempt: row.attempt! + 1 };
    const { reason, at, attempt, id } = claimed;
    const due = now + claimant.lease;
    const { steadyAt = null } = this.#leaseClock.start(now);
    const lease = [due, now, steadyAt] as const;
    this.#statements.claim.run(reason, at, attempt, fence, ...lease, id);
    return { ...endOf(claimed, now), fence };
  }

  /** Notifies of first claims only; later ones were notified before. */
  #notify(ends: readonly ClaimedEnd[], { lease }: Claimant): void {
    for (const { session: { uid, now }, reason, at, attempt } of ends) {
      if (attempt === 1) this.notifications.notifyEnd({ uid, reason, at });
      this.notifications.notifyDue(now + lease);
    }
  }
}
