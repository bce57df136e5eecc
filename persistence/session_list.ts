import type { Clock } from "../base/clock.ts";
import { readClock } from "../base/moment.ts";
import {
  attempt,
  isPromiseLike,
  type MaybePromise,
  proceed,
  settleAll,
} from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import type { BackendParts } from "./backend_parts.ts";
import type { EndClaims } from "./end_claims.ts";
import type { ProcessRecords } from "./process_records.ts";
import { NO_TOKEN } from "./record_calls.ts";
import { guarded, unfound } from "./store_breaker.ts";
import { decodeValue } from "./value_codec.ts";
import type {
  ListSessionsOptions,
  ProcessInfo,
  SessionDirectory,
  SessionInfo,
  UndeliveredEnd,
} from "../registry/session_backend.ts";
import type { EndSessionsOptions, SessionEndReason } from "../session.ts";
import type {
  DeadLetter,
  LoadedSession,
  SessionStore,
} from "../stores/store.ts";

/** The objects that the list uses. */
export interface SessionListParts extends BackendParts {
  readonly processes: ProcessRecords;
}

/** Lists and ends the sessions in a store, and lists its dead letters and processes. */
export class SessionList implements SessionDirectory {
  readonly count: SessionDirectory["count"];
  readonly #clock: Clock;
  readonly #parts: SessionListParts;

  constructor(clock: Clock, parts: SessionListParts) {
    this.#clock = clock;
    this.#parts = parts;
    const { store } = parts;
    this.count = store.count && (() => store.count!());
  }

  /** Lists the sessions of a principal, the oldest first. */
  async list(
    principal: string,
    { values = false }: ListSessionsOptions = {},
  ): Promise<SessionInfo[]> {
    const uids = await Promise.all(
      this.#parts.claims.all.map((part, index) =>
        this.#uidsOf(part, index, principal)
      ),
    );
    const found = await Promise.all(
      uids.flat().map((uid) => this.#find(uid, values)),
    );
    return found.filter((info) => info !== undefined)
      .sort((one, other) => one.createdAt - other.createdAt);
  }

  /**
   * Ends a session.
   *
   * @throws {HttpError} 503 if the end cannot be written to the store.
   */
  async end(uid: string, reason: SessionEndReason): Promise<boolean> {
    const { claims: all, ended } = this.#parts;
    const claims = all.of(uid);
    // An end that has begun here is written all the same.
    const hasEnded = !ended.has(uid) && await this.#end(claims, uid, reason);
    await claims.writeEnd(uid);
    this.#mustBeWritten(uid);
    return hasEnded;
  }

  /**
   * Ends the sessions of a principal; returns their number. Sessions in the parts
   * that answer end, even if another part fails.
   *
   * @throws {HttpError} 503 if an end cannot be written to the store.
   */
  endAll(
    principal: string,
    { except, reason = "revoked" }: EndSessionsOptions,
  ): MaybePromise<number> {
    const counts = this.#parts.claims.all.map((claims, index) =>
      attempt(() =>
        proceed(this.#uidsOf(claims, index, principal), (uids) => {
          const ends = uids.filter((uid) => uid !== except?.uid)
            .map((uid) =>
              proceed(
                this.#end(claims, uid, reason),
                (hasEnded) =>
                  proceed(claims.writeEnd(uid), () => {
                    this.#mustBeWritten(uid);
                    return hasEnded;
                  }),
              )
            );
          return ends.some(isPromiseLike)
            ? settleAll<boolean>(ends).then(countOf)
            : countOf(ends as boolean[]);
        })
      )
    );
    if (!counts.some(isPromiseLike)) return sumOf(counts as number[]);
    return settleAll<number>(counts).then(sumOf);
  }

  listDeadLetters(): MaybePromise<readonly UndeliveredEnd[]> {
    return listUndelivered(this.#parts.store);
  }

  retryDeadLetter(uid: string): MaybePromise<boolean> {
    return this.#parts.store.retryDeadLetter(uid);
  }

  deleteDeadLetter(uid: string): MaybePromise<boolean> {
    return this.#parts.store.deleteDeadLetter(uid);
  }

  async listProcesses(): Promise<ProcessInfo[]> {
    const { store, processes } = this.#parts;
    return store.take === undefined ? [] : await processes.list();
  }

  #uidsOf(
    claims: EndClaims,
    index: number,
    principal: string,
  ): MaybePromise<string[]> {
    const breaker = this.#parts.breakers.all[index]!;
    return guarded(
      () => claims.uidsOf(principal),
      (error) => breaker.report(error, {}),
      unfound,
    );
  }

  #end(
    claims: EndClaims,
    uid: string,
    reason: SessionEndReason,
  ): MaybePromise<boolean> {
    const breaker = this.#parts.breakers.of(uid);
    return guarded(
      () => claims.end(uid, reason),
      (error) => breaker.report(error, {}),
    );
  }

  #mustBeWritten(uid: string): void {
    if (!this.#parts.ended.unwritten.has(uid)) return;
    throw new HttpError(
      503,
      `Session "${uid}" cannot be ended: the session store does not answer.`,
    );
  }

  async #find(
    uid: string,
    withValues: boolean,
  ): Promise<SessionInfo | undefined> {
    const { breakers, store, ended } = this.#parts;
    // It has ended here, and perhaps not yet in the store.
    if (ended.has(uid)) return undefined;
    const sent = readClock(this.#clock);
    const breaker = breakers.of(uid);
    const record = await guarded(
      () => breaker.call(() => store.load(uid, NO_TOKEN)),
      (error) => breaker.report(error, {}),
      unfound,
    );
    if (record === undefined) return undefined;
    const { sentAt } = sent.answered(this.#clock);
    const info = infoOf(record, sentAt - record.now);
    return withValues ? { ...info, values: valuesOf(record) } : info;
  }
}

/**
 * @param offset Milliseconds from the store's clock to this process's clock.
 */
function infoOf(record: LoadedSession, offset: number): SessionInfo {
  const seconds = (at: number) => (at + offset) / 1000;
  const { authenticatedAt } = record;
  return {
    uid: record.uid,
    createdAt: seconds(record.createdAt),
    authenticatedAt: authenticatedAt === undefined
      ? undefined
      : seconds(authenticatedAt),
    lastModified: seconds(record.touchedAt),
    expiresAt: seconds(record.deadline),
    description: record.description,
  };
}

function valuesOf({ values }: LoadedSession): ReadonlyMap<string, unknown> {
  return new Map([...values].map(([key, text]) => [key, decodeValue(text)]));
}

function countOf(ended: readonly boolean[]): number {
  return ended.filter((isEnded) => isEnded).length;
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Lists the dead letters of a store. */
export function listUndelivered(
  store: SessionStore,
): MaybePromise<readonly UndeliveredEnd[]> {
  return proceed(
    store.listDeadLetters(),
    (letters) => letters.map(undeliveredEndOf),
  );
}

function undeliveredEndOf(letter: DeadLetter): UndeliveredEnd {
  const { session, reason, at, attempt, why } = letter;
  return {
    uid: session.uid,
    reason: reason as SessionEndReason,
    at: at / 1000,
    principal: session.principal,
    attempt,
    callbacks: session.callbacks.map(({ name, argument }) => ({
      name,
      argument: readArgument(argument),
    })),
    why,
  };
}

/**
 * Returns the argument; undefined if it cannot be decoded, which may be why the
 * callback failed.
 */
function readArgument(text: string): unknown {
  try {
    return decodeValue(text);
  } catch {
    return undefined;
  }
}
