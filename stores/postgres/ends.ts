import type {
  Claimant,
  ClaimedEnd,
  ClaimKey,
  Claims,
  DeadLetter,
  EndProgress,
  SessionTimes,
} from "../store.ts";
import {
  decodeDeadLetter,
  decodeEnd,
  type EncodedSession,
  encodeProgress,
  encodeText,
} from "./codec.ts";
import type { FunctionRunner } from "./function_runner.ts";
import type { PostgresNotifications } from "./notifications.ts";

/** The ends of the sessions in a database. */
export class PostgresEnds {
  readonly #runner: FunctionRunner;
  readonly #notifications: PostgresNotifications;
  /** When the next end is due, by `performance.now()`, as this node knows it. */
  #nextDueAt = Infinity;

  constructor(runner: FunctionRunner, notifications: PostgresNotifications) {
    this.#runner = runner;
    this.#notifications = notifications;
  }

  /** As {@linkcode SessionStore.end}. */
  async end(
    uid: string,
    reason: string,
    { lease }: Claimant,
  ): Promise<ClaimedEnd | undefined> {
    const answer = await this.#runner.run(
      "end_session",
      `end session "${uid}"`,
      [uid, encodeText(reason), lease],
    );
    if (answer === null) return undefined;
    const end = decodeEnd(JSON.parse(answer));
    this.#notifications.notifyEnd({ uid, reason, at: end.at });
    return end;
  }

  /** As {@linkcode SessionStore.claim}. */
  async claim({ lease }: Claimant, limit: number): Promise<Claims> {
    const answer = await this.#runner.run("claim_ends", "claim ends", [
      lease,
      limit,
    ]);
    const { ends, nextIn } = JSON.parse(answer!) as {
      ends: EncodedSession[];
      nextIn: number | string;
    };
    const claimed = ends.map(decodeEnd);
    for (const end of claimed) {
      if (end.attempt === 1) {
        const { session: { uid }, reason, at } = end;
        this.#notifications.notifyEnd({ uid, reason, at });
      }
    }
    const wait = Number(nextIn);
    this.#nextDueAt = performance.now() + wait;
    const pause = wait > 0 ? this.#notifications.spread.pause() : 0;
    return { ends: claimed, nextIn: wait + pause };
  }

  /**
   * Notifies this node at once of an end that it has made due earlier: the database
   * notifies all nodes, and the others claim a little later.
   */
  noteDue({ now, deadline }: SessionTimes): void {
    const dueAt = performance.now() + deadline - now;
    if (this.#notifications.isListening && dueAt >= this.#nextDueAt) return;
    this.#nextDueAt = Math.min(this.#nextDueAt, dueAt);
    this.#notifications.notifyDueEarlier();
  }

  /** As {@linkcode SessionStore.renew}. */
  renew(uid: string, fence: string, lease: number): Promise<boolean> {
    const verb = `renew the claim of session "${uid}"`;
    return this.#isDone("renew_claim", verb, [uid, fence, lease]);
  }

  /** As {@linkcode SessionStore.acknowledge}. */
  acknowledge(uid: string, fence: string): Promise<boolean> {
    const verb = `acknowledge the end of session "${uid}"`;
    return this.#isDone("acknowledge_end", verb, [uid, fence]);
  }

  /** As {@linkcode SessionStore.acknowledgeAll}. */
  async acknowledgeAll(claims: readonly ClaimKey[]): Promise<boolean[]> {
    const pairs = claims.map(({ uid, fence }) => [uid, fence]);
    const values = [JSON.stringify(pairs)];
    const verb = "acknowledge ends";
    return JSON.parse(
      await this.#runner.run("acknowledge_ends", verb, values) ?? "[]",
    );
  }

  /** As {@linkcode SessionStore.release}. */
  async release(
    uid: string,
    fence: string,
    delay: number,
    progress?: EndProgress,
  ): Promise<boolean> {
    const verb = `release the end of session "${uid}"`;
    const rest = encodeProgress(progress);
    const values = [uid, fence, delay, rest];
    const isDone = await this.#isDone("release_end", verb, values);
    if (isDone && !this.#notifications.isListening) {
      this.#notifications.notifyDueEarlier();
    }
    return isDone;
  }

  /** As {@linkcode SessionStore.deadLetter}. */
  deadLetter(
    uid: string,
    fence: string,
    why: string,
    progress?: EndProgress,
  ): Promise<boolean> {
    const verb = `make a dead letter of the end of session "${uid}"`;
    const values = [uid, fence, encodeText(why), encodeProgress(progress)];
    return this.#isDone("make_dead_letter", verb, values);
  }

  /** Lists the dead letters, the earliest end first. */
  async listDeadLetters(): Promise<DeadLetter[]> {
    const verb = "list the dead letters";
    const answer = await this.#runner.run("list_dead_letters", verb, []);
    const letters = JSON.parse(answer ?? "[]") as EncodedSession[];
    return letters.map(decodeDeadLetter);
  }

  /** As {@linkcode SessionStore.retryDeadLetter}. */
  async retryDeadLetter(uid: string): Promise<boolean> {
    const verb = `retry the end of session "${uid}"`;
    const isDone = await this.#isDone("retry_dead_letter", verb, [uid]);
    if (isDone && !this.#notifications.isListening) {
      this.#notifications.notifyDueEarlier();
    }
    return isDone;
  }

  /** As {@linkcode SessionStore.deleteDeadLetter}. */
  deleteDeadLetter(uid: string): Promise<boolean> {
    const verb = `delete the dead letter of session "${uid}"`;
    return this.#isDone("delete_dead_letter", verb, [uid]);
  }

  /** As {@linkcode SessionStore.nextIn}. */
  async nextIn(): Promise<number> {
    return Number(await this.#runner.run("next_in", "look for ends", []));
  }

  async #isDone(
    name: string,
    verb: string,
    values: readonly (string | number | null)[],
  ): Promise<boolean> {
    return await this.#runner.run(name, verb, values) === "1";
  }
}
