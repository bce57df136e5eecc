import { isPromiseLike, type MaybePromise, proceed } from "../base/promises.ts";
import type { SessionEnd } from "../session.ts";
import type { ClaimedEnd } from "../stores/store.ts";
import type { RecentEnds } from "./recent_ends.ts";
import type { RecordWriter } from "./record_writer.ts";
import type { StoreBreaker } from "./store_breaker.ts";

/** The objects that the writes of ends use. */
export interface UnwrittenEndsParts {
  readonly breaker: StoreBreaker;
  readonly writer: RecordWriter;
  /** The ends of all parts. */
  readonly ended: RecentEnds;
  /** Writes an end and claims it; returns nothing if the session had ended. */
  claim(end: SessionEnd): MaybePromise<ClaimedEnd | undefined>;
  /** Called with an end that this process delivers. */
  onClaimed(end: SessionEnd): void;
}

/** The sessions that ended in this process and have not ended in the store. */
export class UnwrittenEnds {
  readonly #parts: UnwrittenEndsParts;
  readonly #ends = new Map<string, SessionEnd>();
  /** What waits until an end is written, by uid. */
  readonly #waiting = new Map<string, (() => unknown)[]>();
  /** The writes that are under way, by uid; they never reject. */
  readonly #writing = new Map<string, Promise<void>>();

  constructor(parts: UnwrittenEndsParts) {
    this.#parts = parts;
  }

  /** The number of unwritten ends. */
  get size(): number {
    return this.#ends.size;
  }

  /** Adds an end and begins to write it. */
  add(end: SessionEnd): void {
    this.#ends.set(end.uid, end);
    this.#parts.ended.unwritten.add(end.uid);
    this.#write(end);
  }

  /** Writes the end of a session, if it is unwritten; never fails. */
  write(uid: string): MaybePromise<void> {
    const end = this.#ends.get(uid);
    if (end !== undefined) return this.#write(end);
  }

  /**
   * Acts when an end is written. Waits for one write; if that fails, acts after a
   * later one.
   */
  after(uid: string, act: () => MaybePromise<void>): MaybePromise<void> {
    return proceed(this.write(uid), () => {
      if (!this.#ends.has(uid)) return act();
      this.#waiting.set(uid, [...this.#waiting.get(uid) ?? [], act]);
    });
  }

  /** Removes an end, which is in the store, and returns it. */
  take(uid: string): SessionEnd | undefined {
    const end = this.#ends.get(uid);
    this.#ends.delete(uid);
    this.#parts.ended.unwritten.delete(uid);
    const waiting = this.#waiting.get(uid);
    this.#waiting.delete(uid);
    for (const act of waiting ?? []) act();
    return end;
  }

  /** Reports the ends that are not written, since the process stops. */
  reportAll(): void {
    for (const { session, uid } of this.#ends.values()) {
      session.site.reportError(
        new Error(
          `Cannot write the end of session "${uid}": the store does not answer, and the sessions are closed; its token still counts in other processes`,
        ),
        { session },
      );
      this.#parts.writer.reportLeft(session, "the sessions are closed");
    }
  }

  /** Writes all ends. */
  writeAll(): MaybePromise<void>[] {
    return [...this.#ends.values()].map((end) => this.#write(end));
  }

  /**
   * Writes one end, and the others if that succeeds: a store that refuses them gets
   * one call, not one for each.
   */
  tryAll(): MaybePromise<void> {
    const [first] = this.#ends.values();
    if (first === undefined) return;
    return proceed(this.#write(first), () => {
      if (this.#ends.delete(first.uid)) {
        // Another one is the first of the next round.
        return void this.#ends.set(first.uid, first);
      }
      const writes = this.writeAll().filter(isPromiseLike);
      if (writes.length > 0) return Promise.all(writes).then(() => {});
    });
  }

  /** Writes an end to the store and claims it, unless that is under way. */
  #write(end: SessionEnd): MaybePromise<void> {
    const { uid, session } = end;
    const { breaker, writer, claim, onClaimed } = this.#parts;
    const underWay = this.#writing.get(uid);
    if (underWay !== undefined) return underWay;
    // It is written in a later round.
    const failed = (error: unknown) => {
      breaker.report(error, { session });
      // This process has claimed the end meanwhile, and does not try again.
      if (!this.#ends.has(uid)) writer.reportLeft(session, "it has ended");
    };
    const conclude = (claimed: ClaimedEnd | undefined) => {
      this.take(uid);
      writer.left.dropValues(session);
      if (claimed !== undefined) return onClaimed(end);
      // The process that delivers the end does not have these callbacks.
      writer.left.callCallbacks(session);
    };
    try {
      const preparing = writer.prepareEnd(session);
      const claiming = preparing instanceof Promise
        ? preparing.then(() => claim(end))
        : claim(end);
      if (!(claiming instanceof Promise)) return conclude(claiming);
      const writing = claiming.then(conclude);
      const settled = writing.catch(failed).finally(() =>
        void this.#writing.delete(uid)
      );
      this.#writing.set(uid, settled);
      return settled;
    } catch (error) {
      failed(error);
    }
  }
}
