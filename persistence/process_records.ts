import type { Clock } from "../base/clock.ts";
import { randomId } from "../base/ids.ts";
import { processName } from "../base/process_name.ts";
import { HttpError } from "../http/http_error.ts";
import type { HeldKey } from "../registry/hold_backend.ts";
import type { ProcessInfo } from "../registry/session_backend.ts";
import type { ChangeNotification } from "../stores/store.ts";
import { uidOfHold } from "./hold_records.ts";
import type { StoredHolds } from "./stored_holds.ts";

/** The owner of the records of all processes, and the start of their keys. */
const PROCESS = "@curfew/process";

/** The key of the hold whose change asks all processes to renew their records. */
const CALL = `${PROCESS} call`;
const CALL_UID = uidOfHold(CALL);

/** Milliseconds after which a record ends that its process has not renewed. */
const LENGTH = 300_000;

/** Milliseconds within which processes renew their records when they are asked. */
const ANSWERING = 1000;

/** Milliseconds between two renewals of one record, however often it is asked for. */
const RENEW_EVERY = 3000;

/** The objects that the records use. */
export interface ProcessRecordsParts {
  readonly clock: Clock;
  readonly holds: StoredHolds;
  report(error: unknown): void;
}

/**
 * The processes that share the store, each with a record of its own.
 *
 * The record is a hold, and so is the call. A process writes its record only when
 * another one calls, and the call reaches it as a change of a session does. So
 * processes cost the store nothing while nothing calls.
 */
export class ProcessRecords {
  readonly #parts: ProcessRecordsParts;
  readonly #startedAt: number;
  readonly #key = `${PROCESS} ${randomId()}`;
  #renewal: Promise<void> | undefined = undefined;
  #renewedAt = -Infinity;
  #hasRecord = false;
  #listing: Promise<ProcessInfo[]> | undefined = undefined;
  #stopWaiting: (() => void) | undefined = undefined;
  #isClosed = false;

  constructor(parts: ProcessRecordsParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
  }

  /** Asks all processes to renew their records, waits, and lists the records. */
  list(): Promise<ProcessInfo[]> {
    return this.#listing ??= this.#list().finally(() => {
      this.#listing = undefined;
    });
  }

  /** Renews the record of this process, if the change is a call. */
  note({ uid }: ChangeNotification): void {
    if (uid !== CALL_UID) return;
    this.#renew().catch((error) => {
      // A failure of the store was reported before.
      if (!(error instanceof HttpError)) this.#parts.report(error);
    });
  }

  /** Removes the record of this process. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopWaiting?.();
    await this.#renewal?.catch(() => {});
    if (!this.#hasRecord) return;
    // If it fails, the record ends by itself.
    await this.#end().catch(() => {});
  }

  async #end(): Promise<void> {
    await this.#parts.holds.end(this.#key, () => true, undefined);
  }

  async #list(): Promise<ProcessInfo[]> {
    const { holds } = this.#parts;
    await this.#renew();
    await this.#call();
    await this.#wait();
    if (this.#isClosed) return [];
    const keys = await holds.owners.keysOf(PROCESS);
    const records = await Promise.all(keys.map((key) => holds.find(key)));
    return records.flatMap((record) => this.#infoOf(record))
      .sort((one, other) => one.startedAt - other.startedAt);
  }

  async #call(): Promise<void> {
    const held = await this.#findOrTake(CALL, "call");
    // If another process changes it at the same time, that is a call too.
    if (held !== undefined) await this.#own(held, CALL);
  }

  #renew(): Promise<void> {
    const now = this.#parts.clock.now();
    if (this.#renewal !== undefined) return this.#renewal;
    if (this.#isClosed || now < this.#renewedAt + RENEW_EVERY) {
      return Promise.resolve();
    }
    this.#renewedAt = now;
    return this.#renewal = this.#write().finally(() => {
      this.#renewal = undefined;
    });
  }

  async #write(): Promise<void> {
    const { holds } = this.#parts;
    if (this.#hasRecord && await holds.touch(this.#key, 0)) return;
    const facts = JSON.stringify([processName(), this.#startedAt]);
    const held = await this.#findOrTake(this.#key, facts);
    if (held === undefined) return;
    this.#hasRecord = true;
    // The owner is the index by which the records are found.
    await this.#own(held, PROCESS);
  }

  async #findOrTake(key: string, id: string): Promise<HeldKey | undefined> {
    const { holds } = this.#parts;
    return await holds.find(key) ?? await holds.take({
      key,
      holder: undefined,
      id,
      length: LENGTH,
      isTouched: true,
      callback: undefined,
    });
  }

  async #own(held: HeldKey, owner: string): Promise<void> {
    const times = { idle: 0, length: LENGTH };
    await this.#parts.holds.owners.change(held, owner, times);
  }

  async #wait(): Promise<void> {
    const { clock } = this.#parts;
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, ANSWERING);
      this.#stopWaiting = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });
  }

  #infoOf(held: HeldKey | undefined): ProcessInfo[] {
    if (held === undefined) return [];
    const [name, startedAt] = JSON.parse(held.id) as [string, number];
    const now = this.#parts.clock.now();
    // The store may write a touch later than it came.
    const seenAt = Math.min(now, held.until - LENGTH);
    return [{
      name,
      startedAt: startedAt / 1000,
      seenAt: seenAt / 1000,
      isThis: held.key === this.#key,
    }];
  }
}
