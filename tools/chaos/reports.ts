import type { SessionEnd } from "../../session.ts";

/** An end as a node has told it; times are UNIX milliseconds. */
export interface Telling {
  readonly uid: string;
  readonly reason: string;
  /** When its callback began. */
  readonly beganAt: number;
  /** When it was done; undefined if the node was gone before. */
  doneAt: number | undefined;
  /** When the session ended, as the node was told. */
  readonly endedAt: number;
  /** The counter in the session. */
  readonly count: number;
}

/** The line for an end whose callback begins. */
export function beginLine(end: SessionEnd, now: number): string {
  const { uid, reason, at, session } = end;
  const count = session.get<number>("count") ?? 0;
  return `begin ${uid} ${reason} ${now} ${at * 1000} ${count}\n`;
}

/** The line for an end whose callback is done. */
export function doneLine({ uid }: SessionEnd, now: number): string {
  return `done ${uid} ${now}\n`;
}

/** The ends in the log of one life of a node, in the order of their beginning. */
export function readTellings(log: string): Telling[] {
  const tellings: Telling[] = [];
  const open = new Map<string, Telling>();
  for (const line of log.split("\n")) {
    const [kind, uid = "", ...rest] = line.split(" ");
    if (kind === "begin") {
      const [reason = "", beganAt, endedAt, count] = rest;
      const telling = {
        uid,
        reason,
        beganAt: Number(beganAt),
        doneAt: undefined,
        endedAt: Number(endedAt),
        count: Number(count),
      };
      tellings.push(telling);
      open.set(uid, telling);
    } else if (kind === "done") {
      const telling = open.get(uid);
      if (telling !== undefined) telling.doneAt = Number(rest[0]);
    }
  }
  return tellings;
}
