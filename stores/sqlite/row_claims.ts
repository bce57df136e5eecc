import type { Clock } from "../../base/clock.ts";
import { LeaseClock, MACHINE_TIME } from "../lease_clock.ts";
import { dueReasonOf } from "../record.ts";
import type { Claimant, ClaimedEnd } from "../store.ts";
import { endOf, recordOf, type Row } from "./row.ts";
import type { Statements } from "./statements.ts";

/** Claims the ends of rows, within a transaction of the caller. */
export class RowClaims {
  readonly #leaseClock: LeaseClock;
  readonly #statements: Statements;

  constructor(clock: Clock, statements: Statements) {
    this.#leaseClock = new LeaseClock(clock, MACHINE_TIME);
    this.#statements = statements;
  }

  /** Returns the time by which a lease that begins now runs, or null. */
  steadyTimeAt(now: number): number | null {
    return this.#leaseClock.start(now).steadyAt ?? null;
  }

  /**
   * Claims the ends of due rows, together those that end for one reason. Leaves out
   * those whose lease goes on, since only the clock was set forward.
   */
  claimDue(due: readonly Row[], claimant: Claimant, now: number): ClaimedEnd[] {
    const rows = due.filter((row) => !this.#isPostponed(row, now));
    const reasons = rows.map((row) =>
      row.reason ?? JSON.stringify(dueReasonOf(recordOf(row)))
    );
    const claims = new Map<string, ClaimedEnd>();
    for (const reason of new Set(reasons)) {
      const those = rows.filter((_, index) => reasons[index] === reason);
      const options = { now, reason, at: null };
      for (const claim of this.claim(those, claimant, options)) {
        claims.set(claim.session.uid, claim);
      }
    }
    // In the order in which they were due.
    return rows.map(({ uid }) => claims.get(uid)!);
  }

  /**
   * Claims the ends of rows, which have one fence.
   *
   * @param options The reason, as JSON, and the time of those that have not ended;
   * null for their deadlines.
   */
  claim(
    rows: readonly Row[],
    claimant: Claimant,
    options: {
      readonly now: number;
      readonly reason: string;
      readonly at: number | null;
    },
  ): ClaimedEnd[] {
    const { now, reason, at } = options;
    const fence = crypto.randomUUID();
    const steadyAt = this.steadyTimeAt(now);
    const ids = JSON.stringify(rows.map(({ id }) => id));
    const lease = [now + claimant.lease, now, steadyAt] as const;
    this.#statements.claim.run(reason, at, fence, ...lease, ids);
    return rows.map((row) => {
      const claimed = {
        ...row,
        reason: row.reason ?? reason,
        at: row.at ?? at ?? row.deadline,
        attempt: (row.attempt ?? 0) + 1,
      };
      return { ...endOf(claimed, now), fence };
    });
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
}
