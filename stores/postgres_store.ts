/**
 * Sessions in PostgreSQL, for sites in many processes, on many machines.
 *
 * @module
 */

import "../persistence/stored_backend.ts";
import {
  decodeSession,
  decodeTimes,
  encodeChanges,
  type EncodedSession,
  encodeFor,
  encodeNewSession,
  encodeText,
} from "./postgres/codec.ts";
import { PostgresEnds } from "./postgres/ends.ts";
import { FunctionRunner } from "./postgres/function_runner.ts";
import { checkPostgres } from "./postgres/health_check.ts";
import { PostgresNotifications } from "./postgres/notifications.ts";
import {
  checkedOptions,
  type PostgresStoreOptions,
} from "./postgres/options.ts";
import { isMoreThanTimes } from "./record.ts";
import type {
  ChangeNotification,
  Claimant,
  ClaimedEnd,
  ClaimKey,
  Claims,
  CommitConditions,
  CommitTimes,
  DeadLetter,
  EndNotification,
  EndProgress,
  LoadedSession,
  LoadOptions,
  NewSession,
  SessionChanges,
  SessionStore,
  SessionTimes,
  StoreCounts,
} from "./store.ts";

export * from "./postgres/client.ts";
export { migrationOf as postgresSchema } from "./postgres/schema.ts";
export type { PostgresStoreOptions };

/**
 * A {@linkcode SessionStore} in PostgreSQL 14 or later.
 *
 * Each call is one statement, which runs a function of the store's own schema.
 * Times are those of the server's clock. Nodes claim ends by `FOR UPDATE SKIP
 * LOCKED`, and no end is lost while no node runs. Notifications travel by `NOTIFY`,
 * as hints; a node that cannot listen polls for them twice a second. The store works
 * beside other tables, and behind PgBouncer in any mode. A touch waits for the
 * server's disk, as each write does. It changes no index, so that Postgres can clean
 * the page up by itself (a HOT update).
 *
 * @example Usage
 * ```ts ignore
 * import pg from "npm:pg@8";
 * import { Site } from "@curfew/web";
 * import { fromPg, PostgresStore } from "@curfew/web/stores/postgres";
 *
 * const pool = new pg.Pool({ connectionString: "postgres://localhost/shop" });
 * pool.on("error", console.error);
 * const store = new PostgresStore({ client: fromPg(pool) });
 * const site = new Site(root, { store });
 * ```
 */
export class PostgresStore implements SessionStore, AsyncDisposable {
  readonly #touchThrottle: number;
  readonly #runner: FunctionRunner;
  readonly #notifications: PostgresNotifications;
  readonly #ends: PostgresEnds;

  /**
   * Creates a store; nothing is sent yet.
   *
   * @throws {TypeError} If an option is of the wrong kind, or unknown.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(options: PostgresStoreOptions) {
    const { client, schema, touchThrottle } = checkedOptions(options);
    this.#touchThrottle = Math.round(touchThrottle * 1000);
    this.#runner = new FunctionRunner(client, schema);
    this.#notifications = new PostgresNotifications(
      client,
      schema,
      {
        send: (messages) =>
          this.#runner.run("notify", "notify nodes", [messages]),
        poll: (since) =>
          this.#runner.run("poll_messages", "poll for ends", [since]),
      },
    );
    this.#ends = new PostgresEnds(this.#runner, this.#notifications);
  }

  /** {@inheritDoc SessionStore.create} */
  create(session: NewSession): Promise<SessionTimes | undefined> {
    const verb = `create session "${session.uid}"`;
    return this.#add("create_session", verb, session);
  }

  /** {@inheritDoc SessionStore.take} */
  take(
    session: NewSession,
    replaces?: number,
  ): Promise<SessionTimes | undefined> {
    const verb = `take "${session.uid}"`;
    return this.#add("take_hold", verb, session, replaces ?? null);
  }

  /** {@inheritDoc SessionStore.load} */
  async load(
    uid: string,
    { tokenHash, touch, grace }: LoadOptions,
  ): Promise<LoadedSession | undefined> {
    const answer = await this.#runner.run(
      "load_session",
      `load session "${uid}"`,
      [uid, tokenHash, touch ? 1 : 0, grace, this.#touchThrottle],
    );
    if (answer === null) return undefined;
    const encoded: EncodedSession = JSON.parse(answer);
    const session = decodeSession(encoded);
    if (encoded.isChanged) {
      this.#notifications.notifyChange({ uid, version: session.version });
    }
    return { ...session, touchedBefore: Number(encoded.before) };
  }

  /** {@inheritDoc SessionStore.commit} */
  async commit(
    uid: string,
    changes: SessionChanges,
    conditions?: CommitConditions,
  ): Promise<CommitTimes | undefined> {
    const verb = `change session "${uid}"`;
    const text = encodeFor(verb, () => encodeChanges(changes, conditions));
    const answer = await this.#runner.run(
      "commit_session",
      verb,
      [uid, text, this.#touchThrottle],
    );
    if (answer === null) return undefined;
    const times = decodeTimes(answer);
    if (times.isRefused !== true) {
      this.#ends.noteDue(times);
      if (isMoreThanTimes(changes)) {
        this.#notifications.notifyChange({ uid, version: times.version });
      }
    }
    return times;
  }

  /** {@inheritDoc SessionStore.end} */
  end(
    uid: string,
    reason: string,
    claimant: Claimant,
  ): Promise<ClaimedEnd | undefined> {
    return this.#ends.end(uid, reason, claimant);
  }

  /**
   * {@inheritDoc SessionStore.claim} It is one statement, even if no end is due.
   */
  claim(claimant: Claimant, limit: number): Promise<Claims> {
    return this.#ends.claim(claimant, limit);
  }

  /** {@inheritDoc SessionStore.renew} */
  renew(uid: string, fence: string, lease: number): Promise<boolean> {
    return this.#ends.renew(uid, fence, lease);
  }

  /** {@inheritDoc SessionStore.acknowledge} */
  acknowledge(uid: string, fence: string): Promise<boolean> {
    return this.#ends.acknowledge(uid, fence);
  }

  /** {@inheritDoc SessionStore.acknowledgeAll} */
  acknowledgeAll(claims: readonly ClaimKey[]): Promise<boolean[]> {
    return this.#ends.acknowledgeAll(claims);
  }

  /** {@inheritDoc SessionStore.release} */
  release(
    uid: string,
    fence: string,
    delay: number,
    progress?: EndProgress,
  ): Promise<boolean> {
    return this.#ends.release(uid, fence, delay, progress);
  }

  /** {@inheritDoc SessionStore.deadLetter} */
  deadLetter(
    uid: string,
    fence: string,
    why: string,
    progress?: EndProgress,
  ): Promise<boolean> {
    return this.#ends.deadLetter(uid, fence, why, progress);
  }

  /** Lists the dead letters, the earliest end first. */
  listDeadLetters(): Promise<DeadLetter[]> {
    return this.#ends.listDeadLetters();
  }

  /** {@inheritDoc SessionStore.retryDeadLetter} */
  retryDeadLetter(uid: string): Promise<boolean> {
    return this.#ends.retryDeadLetter(uid);
  }

  /** {@inheritDoc SessionStore.deleteDeadLetter} */
  deleteDeadLetter(uid: string): Promise<boolean> {
    return this.#ends.deleteDeadLetter(uid);
  }

  /** {@inheritDoc SessionStore.nextIn} */
  nextIn(): Promise<number> {
    return this.#ends.nextIn();
  }

  /** {@inheritDoc SessionStore.uidsOf} */
  async uidsOf(principal: string): Promise<string[]> {
    const verb = "list the sessions of a principal";
    const text = encodeText(principal);
    return JSON.parse(await this.#runner.run("uids_of", verb, [text]) ?? "[]");
  }

  /** {@inheritDoc SessionStore.count} It reads the whole table. */
  async count(): Promise<StoreCounts> {
    return JSON.parse(
      (await this.#runner.run("count_sessions", "count sessions", []))!,
    );
  }

  /**
   * {@inheritDoc SessionStore.watch}
   *
   * All watchers share one connection that listens. With a client that does not
   * listen, the store polls twice a second.
   */
  async watch(
    onEnd: (notification: EndNotification) => void,
    onDueEarlier?: () => void,
    onChange?: (notification: ChangeNotification) => void,
  ): Promise<() => void> {
    try {
      return await this.#notifications.watch(onEnd, onDueEarlier, onChange);
    } catch (error) {
      throw this.#runner.failureTo("watch for ends", error);
    }
  }

  /**
   * {@inheritDoc SessionStore.check}
   *
   * It makes the schema if it is missing. It refuses a Postgres older than 14, a
   * replica, transactions that are read-only or not "read committed", and a schema
   * of a later version. It reports a clock that differs by more than a second, and
   * writes that do not wait for the disk.
   *
   * @throws {RangeError} If it refuses Postgres.
   */
  async check(): Promise<readonly string[]> {
    try {
      return await checkPostgres(this.#runner);
    } catch (error) {
      throw this.#runner.failureTo("check Postgres", error);
    }
  }

  /** Stops all watching; the client stays open, as it is the user's. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#notifications.stop();
  }

  async #add(
    name: "create_session" | "take_hold",
    verb: string,
    session: NewSession,
    ...more: (number | null)[]
  ): Promise<SessionTimes | undefined> {
    const throttle = this.#touchThrottle;
    const facts = encodeFor(verb, () => encodeNewSession(session, throttle));
    const answer = await this.#runner.run(name, verb, [facts, ...more]);
    if (answer === null) return undefined;
    const times = decodeTimes(answer);
    this.#ends.noteDue(times);
    return times;
  }
}
