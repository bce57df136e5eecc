import type { Clock } from "../../base/clock.ts";
import type {
  Claimant,
  ClaimedEnd,
  ClaimKey,
  Claims,
  DeadLetter,
  EndProgress,
} from "../store.ts";
import type { SqliteDatabase } from "./database.ts";
import { type Message, SqliteNotifications } from "./notifications.ts";
import { encodeCallbacks, endOf, isOver, type Row } from "./row.ts";
import { RowClaims } from "./row_claims.ts";
import { isOne, type Statements } from "./statements.ts";

/** Acknowledgements after which uids are freed. */
const FREE_EVERY = 32;

/**
 * Acknowledgements of crowds after which the log is shortened. Left to SQLite, the
 * log of a crowd held requests up for 30 to 60 ms.
 */
const SHORTEN_EVERY = 1000;

/** Parts of a store that its ends need. */
export interface EndsOptions {
  readonly clock: Clock;
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
  readonly #statements: Statements;
  readonly #claims: RowClaims;
  /** The ends that were acknowledged since uids were freed. */
  #acknowledged = 0;
  /** The ends of crowds that were acknowledged since the log was shortened. */
  #inLog = 0;
  #logTimer: unknown = undefined;

  constructor(database: SqliteDatabase, options: EndsOptions) {
    const { clock, statements, interval } = options;
    this.#database = database;
    this.#clock = clock;
    this.#statements = statements;
    this.#claims = new RowClaims(clock, statements);
    this.notifications = new SqliteNotifications(database, {
      clock,
      interval,
      nextDue: () => this.#nextDue(),
    });
  }

  /** Writes the notifications that are left, and stops. */
  close(): void {
    this.notifications.close();
    this.#clock.clearTimeout(this.#logTimer);
  }

  /** As {@linkcode SessionStore.end}. */
  end(uid: string, reason: string, claimant: Claimant): ClaimedEnd | undefined {
    const end = this.#database.write("end a session in", () => {
      const row = this.#statements.select.get(uid) as Row | undefined;
      const now = this.#clock.now();
      if (row === undefined || isOver(row, now)) return undefined;
      const text = JSON.stringify(reason);
      const facts = { now, reason: text, at: now };
      const [end] = this.#claims.claim([row], claimant, facts);
      this.notifications.write([[uid, text, now]], now);
      return end;
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
      const due = this.#statements.selectDue.all(now, limit);
      const rows = due as unknown as Row[];
      const claims = this.#claims.claimDue(rows, claimant, now);
      const messages = claims.filter(({ attempt }) => attempt === 1)
        .map(({ session: { uid }, reason, at }): Message => [
          uid,
          JSON.stringify(reason),
          at,
        ]);
      if (messages.length > 0) this.notifications.write(messages, now);
      return claims;
    });
    this.#notify(ends, claimant);
    return { ends, nextIn: this.nextIn() };
  }

  /** As {@linkcode SessionStore.renew}. */
  renew(uid: string, fence: string, lease: number): boolean {
    const now = this.#clock.now();
    const steadyAt = this.#claims.steadyTimeAt(now);
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
    const now = this.#clock.now();
    const isDone = this.#database.try(
      "acknowledge an end in",
      () => isOne(this.#statements.acknowledge.run(now, uid, fence)),
    );
    if (isDone) this.#freeUids(1, now);
    return isDone;
  }

  /** As {@linkcode SessionStore.acknowledgeAll}. */
  acknowledgeAll(claims: readonly ClaimKey[]): boolean[] {
    const now = this.#clock.now();
    const pairs = claims.map(({ uid, fence }) => [uid, fence]);
    const rows = this.#database.try(
      "acknowledge ends in",
      () => this.#statements.acknowledgeAll.all(now, JSON.stringify(pairs)),
    );
    this.#freeUids(rows.length, now);
    this.#shortenLog(rows.length);
    const done = new Set(rows.map((row) => row.uid));
    return claims.map(({ uid }) => done.has(uid));
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
    const now = this.#clock.now();
    const isDone = this.#database.try(
      "delete a dead letter from",
      () => isOne(this.#statements.deleteDeadLetter.run(now, uid)),
    );
    if (isDone) this.#freeUids(1, now);
    return isDone;
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

  /**
   * Keeps the log short while crowds of sessions end. That waits for the disk, so it
   * takes a turn of its own, and requests can come before.
   */
  #shortenLog(acknowledged: number): void {
    this.#inLog += acknowledged;
    if (this.#inLog < SHORTEN_EVERY) return;
    this.#inLog = 0;
    this.#logTimer ??= this.#clock.setTimeout(() => {
      this.#logTimer = undefined;
      try {
        this.#database.shortenLog();
      } catch {
        // The acknowledgements have succeeded, and the log is shortened later.
      }
    }, 0);
  }

  /** Deletes rows that keep no uid taken any more, now and then. */
  #freeUids(acknowledged: number, now: number): void {
    this.#acknowledged += acknowledged;
    if (this.#acknowledged < FREE_EVERY) return;
    try {
      // Twice as many as were added, so that they become fewer.
      const limit = 2 * this.#acknowledged;
      this.#database.try(
        "free uids in",
        () => this.#statements.freeUids.run(now, limit),
      );
      this.#acknowledged = 0;
    } catch {
      // The acknowledgements have succeeded; the next one tries again.
    }
  }

  /** Notifies of first claims only; later ones were notified before. */
  #notify(ends: readonly ClaimedEnd[], { lease }: Claimant): void {
    for (const { session: { uid, now }, reason, at, attempt } of ends) {
      if (attempt === 1) this.notifications.notifyEnd({ uid, reason, at });
      this.notifications.notifyDue(now + lease);
    }
  }
}
