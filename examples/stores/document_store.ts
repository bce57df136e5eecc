// A store over a database of documents, for docs/write_a_store.md: copy it, import
// from @curfew/web/stores/record and @curfew/web/stores/store, and replace
// Documents by the client of your database.

import {
  commitRecord,
  createRecord,
  dueReasonOf,
  loadRecord,
  type SessionRecord,
  timesOf,
  uidTakenUntil,
} from "../../stores/record.ts";
import type {
  Claimant,
  ClaimedEnd,
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
} from "../../stores/own_store.ts";

/** What the database keeps for a uid. */
interface Entry {
  readonly record: SessionRecord;
  /** When the end can be claimed: the deadline, or the end of a lease. */
  readonly due: number;
  /** Undefined while the session lives. */
  readonly end?: {
    readonly reason: string;
    readonly at: number;
    readonly attempt: number;
    /** Undefined while no process has claimed the end. */
    readonly fence?: string | undefined;
    /** The error of a dead letter. */
    readonly why?: string | undefined;
    readonly areListenersDone?: boolean;
    readonly failingSince?: number | undefined;
  };
  /** When the uid is free again, once the end is acknowledged. */
  readonly freeAt?: number;
}

type Feed = (notification: EndNotification | "due earlier") => void;

/**
 * A database that several processes share: documents by key, a write that fails if
 * another process was faster, and a feed of changes.
 */
export class Documents {
  readonly #entries = new Map<string, { entry: Entry; revision: number }>();
  readonly feed = new Set<Feed>();

  async now(): Promise<number> {
    return await Promise.resolve(Date.now());
  }

  async get(key: string): Promise<{ entry?: Entry; revision: number }> {
    return await Promise.resolve(this.#entries.get(key) ?? { revision: 0 });
  }

  /** Writes, or returns false if the document has another revision by now. */
  async put(key: string, entry: Entry, revision: number): Promise<boolean> {
    await Promise.resolve();
    if ((this.#entries.get(key)?.revision ?? 0) !== revision) return false;
    this.#entries.set(key, { entry, revision: revision + 1 });
    return true;
  }

  async all(): Promise<Entry[]> {
    await Promise.resolve();
    return [...this.#entries.values()].map(({ entry }) => entry);
  }

  publish(notification: EndNotification | "due earlier"): void {
    for (const listener of this.feed) {
      queueMicrotask(() => listener(notification));
    }
  }
}

/** A store over documents. */
export class DocumentStore implements SessionStore {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  create(session: NewSession): Promise<SessionTimes | undefined> {
    return this.#change(session.uid, (entry, now) => {
      const isFree = entry === undefined || now >= (entry.freeAt ?? Infinity);
      if (!isFree) return { answer: undefined };
      const record = createRecord(session, { now });
      return {
        entry: { record, due: record.deadline },
        answer: timesOf(record, now),
      };
    });
  }

  load(
    uid: string,
    options: LoadOptions,
  ): Promise<LoadedSession | undefined> {
    return this.#change(uid, (entry, now) => {
      if (!isLive(entry, now)) return { answer: undefined };
      const record = loadRecord(entry.record, options, { now });
      const touchedBefore = entry.record.touchedAt;
      return {
        ...record !== entry.record && {
          entry: { record, due: record.deadline },
        },
        answer: { ...record, now, touchedBefore },
      };
    });
  }

  commit(
    uid: string,
    changes: SessionChanges,
    conditions?: CommitConditions,
  ): Promise<CommitTimes | undefined> {
    return this.#change(uid, (entry, now) => {
      if (!isLive(entry, now)) return { answer: undefined };
      const record = commitRecord(entry.record, changes, { now, conditions });
      if (record === undefined) {
        return { answer: { ...timesOf(entry.record, now), isRefused: true } };
      }
      return {
        entry: { record, due: record.deadline },
        answer: timesOf(record, now),
      };
    });
  }

  end(
    uid: string,
    reason: string,
    claimant: Claimant,
  ): Promise<ClaimedEnd | undefined> {
    return this.#change(
      uid,
      (entry, now) =>
        isLive(entry, now)
          ? claimed(entry, { reason, at: now, attempt: 0 }, claimant, now)
          : { answer: undefined },
    );
  }

  async claim(claimant: Claimant, limit: number): Promise<Claims> {
    const ends: ClaimedEnd[] = [];
    const now = await this.#documents.now();
    const due = (await this.#documents.all())
      .filter((entry) => entry.due <= now)
      .sort((one, other) => one.due - other.due).slice(0, limit);
    for (const { record: { uid } } of due) {
      // Meanwhile another process may have claimed the end, or touched the session.
      const end = await this.#change(uid, (entry, now) => {
        if (entry === undefined || now < entry.due) {
          return { answer: undefined };
        }
        const { record } = entry;
        const end = entry.end ??
          { reason: dueReasonOf(record), at: record.deadline, attempt: 0 };
        return claimed(entry, end, claimant, now);
      });
      if (end !== undefined) ends.push(end);
    }
    return { ends, nextIn: await this.nextIn() };
  }

  async nextIn(): Promise<number> {
    const now = await this.#documents.now();
    const dues = (await this.#documents.all()).map(({ due }) => due);
    return Math.max(0, Math.min(...dues, Infinity) - now);
  }

  renew(uid: string, fence: string, lease: number): Promise<boolean> {
    return this.#changeClaim(uid, fence, (entry, now) => ({
      ...entry,
      due: now + lease,
    }));
  }

  acknowledge(uid: string, fence: string): Promise<boolean> {
    return this.#changeClaim(uid, fence, forgotten);
  }

  release(
    uid: string,
    fence: string,
    delay: number,
    progress?: EndProgress,
  ): Promise<boolean> {
    return this.#changeClaim(uid, fence, (entry, now) => ({
      ...withProgress(entry, progress, now),
      due: now + delay,
    }));
  }

  deadLetter(
    uid: string,
    fence: string,
    why: string,
    progress?: EndProgress,
  ): Promise<boolean> {
    return this.#changeClaim(uid, fence, (entry, now) => {
      const left = withProgress(entry, progress, now);
      return { ...left, due: Infinity, end: { ...left.end!, why } };
    });
  }

  async listDeadLetters(): Promise<DeadLetter[]> {
    const now = await this.#documents.now();
    return (await this.#documents.all()).flatMap(({ record, end }) => {
      if (end?.why === undefined) return [];
      const { fence: _, why, ...facts } = end;
      return [{ session: { ...record, now }, ...facts, why }];
    });
  }

  retryDeadLetter(uid: string): Promise<boolean> {
    return this.#changeLetter(uid, (entry, now) => ({
      ...entry,
      due: now,
      end: { ...entry.end!, why: undefined, failingSince: undefined },
    }));
  }

  deleteDeadLetter(uid: string): Promise<boolean> {
    return this.#changeLetter(uid, forgotten);
  }

  async uidsOf(principal: string): Promise<string[]> {
    const now = await this.#documents.now();
    return (await this.#documents.all())
      .filter((entry) =>
        isLive(entry, now) && entry.record.principal === principal
      )
      .map(({ record }) => record)
      .sort((one, other) => one.createdAt - other.createdAt)
      .map(({ uid }) => uid);
  }

  async count(): Promise<StoreCounts> {
    const now = await this.#documents.now();
    const entries = (await this.#documents.all()).filter((entry) =>
      entry.freeAt === undefined && entry.end?.why === undefined &&
      entry.record.tokens.length > 0
    );
    const sessions = entries.filter((entry) => isLive(entry, now)).length;
    return { sessions, ends: entries.length - sessions };
  }

  watch(
    onEnd: (notification: EndNotification) => void,
    onDueEarlier?: () => void,
  ): () => void {
    const { feed } = this.#documents;
    const listener: Feed = (notification) =>
      notification === "due earlier" ? onDueEarlier?.() : onEnd(notification);
    feed.add(listener);
    return () => void feed.delete(listener);
  }

  /**
   * Changes a document in one step. If another process has written it since it was
   * read, reads it again and decides again.
   */
  async #change<T>(
    uid: string,
    decide: (entry: Entry | undefined, now: number) => Change<T>,
  ): Promise<T> {
    for (;;) {
      const { entry: before, revision } = await this.#documents.get(uid);
      const now = await this.#documents.now();
      const { entry, answer } = decide(before, now);
      if (entry === undefined) return answer;
      if (!await this.#documents.put(uid, entry, revision)) continue;
      this.#notify(before, entry);
      return answer;
    }
  }

  #notify(before: Entry | undefined, { record, due, end }: Entry): void {
    if (end !== undefined && before?.end === undefined) {
      const { reason, at } = end;
      this.#documents.publish({ uid: record.uid, reason, at });
    }
    if (due < (before?.due ?? Infinity)) this.#documents.publish("due earlier");
  }

  #changeClaim(
    uid: string,
    fence: string,
    change: (entry: Entry, now: number) => Entry,
  ): Promise<boolean> {
    return this.#change(
      uid,
      (entry, now) =>
        entry?.end?.fence === fence
          ? { entry: change(entry, now), answer: true }
          : { answer: false },
    );
  }

  #changeLetter(
    uid: string,
    change: (entry: Entry, now: number) => Entry,
  ): Promise<boolean> {
    return this.#change(
      uid,
      (entry, now) =>
        entry?.end?.why === undefined
          ? { answer: false }
          : { entry: change(entry, now), answer: true },
    );
  }
}

/** A document to write, if it is given, and the answer of the call. */
interface Change<T> {
  readonly entry?: Entry;
  readonly answer: T;
}

function isLive(entry: Entry | undefined, now: number): entry is Entry {
  return entry !== undefined && entry.end === undefined &&
    entry.freeAt === undefined && now < entry.record.deadline;
}

function claimed(
  entry: Entry,
  end: NonNullable<Entry["end"]>,
  { lease }: Claimant,
  now: number,
): Change<ClaimedEnd> {
  const { record } = entry;
  const fence = crypto.randomUUID();
  const next = { ...end, attempt: end.attempt + 1, fence };
  return {
    entry: { record, due: now + lease, end: next },
    answer: { ...next, session: { ...record, now } },
  };
}

/** Deletes a session, but keeps its uid taken, so that a late create() is refused. */
function forgotten({ record }: Entry, now: number): Entry {
  const freeAt = uidTakenUntil(now, record.deadline);
  return { record, due: Infinity, freeAt };
}

function withProgress(
  { record, due, end }: Entry,
  progress: EndProgress | undefined,
  now: number,
): Entry {
  const free = { ...end!, fence: undefined };
  if (progress === undefined) return { record, due, end: free };
  const { areListenersDone, callbacks } = progress;
  const failingSince = free.failingSince ?? now;
  return {
    record: { ...record, callbacks },
    due,
    end: { ...free, areListenersDone, failingSince },
  };
}
