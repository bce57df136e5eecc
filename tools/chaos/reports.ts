import type { SessionEnd } from "../../session.ts";

/** The delivery of an end by a node; times are UNIX milliseconds. */
export interface Delivery {
  readonly uid: string;
  readonly reason: string;
  /** The beginning of the callback. */
  readonly beganAt: number;
  /** The end of the callback; undefined if the node was killed before. */
  doneAt: number | undefined;
  /** The end of the session, from the argument of the callback. */
  readonly endedAt: number;
  /** The counter in the session's values. */
  readonly count: number;
}

/** Formats the line for the beginning of a callback. */
export function beginLine(end: SessionEnd, now: number): string {
  const { uid, reason, at, session } = end;
  const count = session.get<number>("count") ?? 0;
  return `begin ${uid} ${reason} ${now} ${at * 1000} ${count}\n`;
}

/** Formats the line for the end of a callback. */
export function doneLine({ uid }: SessionEnd, now: number): string {
  return `done ${uid} ${now}\n`;
}

/** Reads the deliveries in the log of a node's process, in their order. */
export function readDeliveries(log: string): Delivery[] {
  const deliveries: Delivery[] = [];
  const open = new Map<string, Delivery>();
  for (const line of log.split("\n")) {
    const [kind, uid = "", ...rest] = line.split(" ");
    if (kind === "begin") {
      const [reason = "", beganAt, endedAt, count] = rest;
      const delivery = {
        uid,
        reason,
        beganAt: Number(beganAt),
        doneAt: undefined,
        endedAt: Number(endedAt),
        count: Number(count),
      };
      deliveries.push(delivery);
      open.set(uid, delivery);
    } else if (kind === "done") {
      const delivery = open.get(uid);
      if (delivery !== undefined) delivery.doneAt = Number(rest[0]);
    }
  }
  return deliveries;
}
