import { hashOfSecret } from "../../persistence/secret_hash.ts";
import type { ClaimedEnd, StoredSession } from "../../stores/store.ts";
import type { WallClock } from "./host.ts";

/** What a token may do at a moment, by the record in the store. */
export type Status =
  | "current"
  | "previous"
  | "superseded"
  | "expired"
  | "unknown"
  | "over";

/** A record from one moment to the next. */
export interface Moment {
  /** Simulated milliseconds. */
  readonly at: number;
  /** Undefined once the session is over, or while there is none. */
  readonly record: StoredSession | undefined;
}

/** The end of a session, as the store has it. */
export interface StoredEnd {
  readonly reason: string;
  /** UNIX milliseconds of the store. */
  readonly at: number;
  /** Simulated milliseconds. */
  readonly claimedAt: number;
}

/** All states that the records in the store have had. */
export class Truth {
  readonly clock: WallClock;
  readonly moments: Map<string, Moment[]> = new Map();
  readonly ends: Map<string, StoredEnd> = new Map();
  readonly acknowledged: Set<string> = new Set();
  /** The sessions that the store has lost. */
  readonly lost: Set<string> = new Set();
  readonly #hashes = new Map<string, string>();

  constructor(clock: WallClock) {
    this.clock = clock;
  }

  /** Returns the last known record of a session. */
  lastOf(uid: string): StoredSession | undefined {
    return this.moments.get(uid)?.at(-1)?.record;
  }

  /** Notes the state of a record; returns whether it is a new one. */
  note(uid: string, at: number, record: StoredSession | undefined): boolean {
    let moments = this.moments.get(uid);
    if (moments === undefined) this.moments.set(uid, moments = []);
    const last = moments.at(-1)?.record;
    if (isSame(last, record) && moments.length > 0) return false;
    moments.push({ at, record });
    return true;
  }

  /** Notes an end that a process has claimed. */
  noteEnd({ session, reason, at }: ClaimedEnd, now: number): void {
    const { uid } = session;
    if (!this.ends.has(uid)) this.ends.set(uid, { reason, at, claimedAt: now });
  }

  /** Returns the records of a session between two times, the first included. */
  recordsIn(uid: string, from: number, to: number): Moment[] {
    const moments = this.moments.get(uid) ?? [];
    return moments.filter((moment, index) =>
      moment.at <= to && (moments[index + 1]?.at ?? Infinity) >= from
    );
  }

  /**
   * Returns until when a request has held a session beyond the deadline that it has
   * ended by: a request that turned out to be no visit, and has undone its touch.
   *
   * @returns UNIX milliseconds of the store; -Infinity without such a request.
   */
  heldUntil(uid: string): number {
    const moments = this.moments.get(uid) ?? [];
    const index = moments.findLastIndex(({ record }) => record !== undefined);
    const over = moments[index + 1];
    if (over === undefined) return -Infinity;
    const at = this.clock.at(over.at);
    return at < moments[index]!.record!.deadline ? at : -Infinity;
  }

  /** Returns what a token was worth between two times. */
  statusesIn(token: string, from: number, to: number): Set<Status> {
    const uid = token.slice(0, 32);
    const hash = this.hashOf(token);
    const moments = this.moments.get(uid) ?? [];
    const statuses = new Set<Status>();
    if (moments.length === 0 || moments[0]!.at > from) statuses.add("over");
    for (const [index, { at, record }] of moments.entries()) {
      const next = moments[index + 1]?.at ?? Infinity;
      if (at > to || next < from) continue;
      for (const time of [Math.max(at, from), Math.min(next, to)]) {
        statuses.add(statusOf(record, hash, this.clock.at(time)));
      }
    }
    return statuses;
  }

  /** Whether a session was over at some time between two others. */
  wasOver(uid: string, from: number, to: number): boolean {
    const now = this.clock.at(to);
    const moments = this.recordsIn(uid, from, to);
    return moments.length === 0 ||
      moments.some(({ record }) =>
        record === undefined || record.deadline <= now
      );
  }

  /**
   * Whether a creation that was on its way when the store lost a session has made it
   * once more, with the version of its first record (docs/simulator.md).
   */
  isMadeAgain(uid: string): boolean {
    const all = this.moments.get(uid) ?? [];
    const lostAt = all.findIndex(({ record }) => record === undefined);
    return this.lost.has(uid) && lostAt !== -1 &&
      all.slice(lostAt).some(({ record }) => (record?.tokens.length ?? 0) > 0);
  }

  /** Returns the hash of the secret in a token. */
  hashOf(token: string): string {
    let hash = this.#hashes.get(token);
    if (hash === undefined) {
      hash = hashOfSecret(token.slice(32));
      this.#hashes.set(token, hash);
    }
    return hash;
  }
}

/** Returns what a token with a hash may do. */
export function statusOf(
  record: StoredSession | undefined,
  hash: string,
  now: number,
): Status {
  if (record === undefined || now >= record.deadline) return "over";
  const token = record.tokens.find((each) => each.hash === hash);
  if (token === undefined) return "unknown";
  if (now >= token.until) return "expired";
  if (token.generation < record.loginGeneration) return "superseded";
  return token.generation >= record.generation ? "current" : "previous";
}

function isSame(
  one: StoredSession | undefined,
  other: StoredSession | undefined,
): boolean {
  return one?.version === other?.version &&
    one?.touchedAt === other?.touchedAt && one?.deadline === other?.deadline;
}
