import type { Fault } from "./faults.ts";
import type { Delivery } from "./reports.ts";
import type { Observations } from "./clients.ts";

/** The log of a node's process. */
export interface NodeLog {
  /** UNIX milliseconds; undefined if it was not killed. */
  readonly killedAt: number | undefined;
  readonly deliveries: readonly Delivery[];
}

/** The data from which a run is judged. */
export interface Evidence {
  readonly observations: Observations;
  readonly logs: readonly NodeLog[];
  readonly faults: readonly Fault[];
  /** Milliseconds without access after which sessions end. */
  readonly sessionTimeout: number;
  /** Sessions that the store still has. */
  readonly left: number;
}

/** The verdict on a run; lateness in milliseconds. */
export interface Verdict {
  readonly made: number;
  /** Sessions whose end was delivered. */
  readonly delivered: number;
  /** Delivered ends of sessions that no client knows, since the response was lost. */
  readonly unknown: number;
  readonly lost: readonly string[];
  readonly early: readonly string[];
  /** Ends that were delivered twice for an allowed reason. */
  readonly doubles: readonly string[];
  /** Ends that were delivered twice without such a reason. */
  readonly unexcused: readonly string[];
  /** Lateness of the ends by deadline. */
  readonly overall: Lateness;
  /** Lateness of the ends whose deadline was outside of faults. */
  readonly calm: Lateness;
  /** The latest of these ends, and the last fault before each. */
  readonly worst: readonly string[];
  readonly answered: number;
  readonly refused: number;
  readonly unanswered: number;
  /** Sessions whose cookie was valid after the response to the logout. */
  readonly revived: readonly string[];
  /** Other errors. */
  readonly wrongs: readonly string[];
  readonly faults: Readonly<Record<Fault["kind"], number>>;
  /** Whether the run has no errors. */
  readonly isGood: boolean;
}

/** The lateness of ends, in milliseconds. */
export interface Lateness {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Milliseconds before a fault in which its effects may begin. */
const BEFORE = 300;

/** Milliseconds after a fault in which its effects may last. */
const AFTER = 2000;

/**
 * The longest time after a fault of the store in milliseconds until ends are
 * acknowledged again: a server that starts replays its log, a call is given up
 * after the storeTimeout, and repeated a second later.
 */
const RECOVERED_IN = 6000;

/**
 * The longest time from a delivery to its acknowledgement in milliseconds, on a
 * busy machine, while the store responds.
 */
const ACKNOWLEDGED_IN = 3000;

/** A lease and its delays in milliseconds: faults in it are named. */
const LEASE = 12_000;

interface LoggedDelivery extends Delivery {
  readonly killedAt: number | undefined;
}

/** Judges a run. */
export function judge(evidence: Evidence): Verdict {
  const { observations, faults, sessionTimeout } = evidence;
  const { seen } = observations;
  const delivered = byUid(evidence.logs);
  const wrongs = [...observations.wrongs];
  const lost: string[] = [];
  const early: string[] = [];
  const doubles: string[] = [];
  const unexcused: string[] = [];
  const revived: string[] = [];
  for (const [uid, session] of seen) {
    const deliveries = delivered.get(uid);
    if (deliveries === undefined) {
      lost.push(`${uid} was never delivered`);
      continue;
    }
    if (!deliveries.some(({ doneAt }) => doneAt !== undefined)) {
      lost.push(`${uid} was begun, and never finished`);
    }
    for (const { reason, beganAt, count } of deliveries) {
      const due = session.touchedAfter + sessionTimeout;
      if (reason === "logout" && session.leftAt !== undefined) {
        if (beganAt < session.leftAt) early.push(`${uid}: before its logout`);
      } else if (reason !== "idle") {
        early.push(`${uid} ended for an unexpected reason: ${reason}`);
      } else if (beganAt < due) {
        early.push(
          `${uid} was delivered ${due - beganAt} ms before its deadline`,
        );
      }
      if (count < session.count) {
        wrongs.push(`${uid} counted ${session.count}, and ended with ${count}`);
      }
    }
    if (session.revivedAt !== undefined) {
      revived.push(`${uid} was valid after its logout`);
    }
  }
  for (const [uid, deliveries] of delivered) {
    for (let i = 1; i < deliveries.length; i++) {
      const first = deliveries[i - 1]!;
      const why = excuseOf(first, deliveries[i]!, faults);
      if (why !== undefined) doubles.push(`${uid}: ${why}`);
      else {
        unexcused.push(
          `${uid}: ${describe(deliveries)}${during(first, faults)}`,
        );
      }
    }
  }
  const byDeadline = [...delivered.values()].map(([first]) => first!)
    .filter(({ reason }) => reason === "idle");
  const calm = byDeadline.filter(({ endedAt }) =>
    !faults.some(({ from, to }) =>
      endedAt >= from - BEFORE && endedAt <= to + AFTER
    )
  );
  if (evidence.left > 0) wrongs.push(`the store still has ${evidence.left}`);
  const { answered, refused, unanswered } = observations;
  return {
    made: seen.size,
    delivered: delivered.size,
    unknown: [...delivered.keys()].filter((uid) => !seen.has(uid)).length,
    lost,
    early,
    doubles,
    unexcused,
    overall: latenessOf(byDeadline),
    calm: latenessOf(calm),
    worst: describeWorst(calm, faults),
    answered,
    refused,
    unanswered,
    revived,
    wrongs,
    faults: countKinds(faults),
    isGood: [lost, early, unexcused, revived, wrongs].every((list) =>
      list.length === 0
    ),
  };
}

function byUid(logs: readonly NodeLog[]): Map<string, LoggedDelivery[]> {
  const delivered = new Map<string, LoggedDelivery[]>();
  for (const { killedAt, deliveries } of logs) {
    for (const delivery of deliveries) {
      const others = delivered.get(delivery.uid) ?? [];
      others.push({ ...delivery, killedAt });
      delivered.set(delivery.uid, others);
    }
  }
  for (const deliveries of delivered.values()) {
    deliveries.sort((a, b) => a.beganAt - b.beganAt);
  }
  return delivered;
}

/**
 * Returns the reason why an end may have been delivered again: its node was killed
 * before it could acknowledge the end. That takes long only while the store does
 * not respond.
 */
function excuseOf(
  first: LoggedDelivery,
  second: LoggedDelivery,
  faults: readonly Fault[],
): string | undefined {
  const { killedAt, beganAt, doneAt } = first;
  if (killedAt === undefined || second.beganAt < killedAt) return undefined;
  const pending = killedAt - (doneAt ?? beganAt);
  const isAway = faults.some(({ kind, from, to }) =>
    kind !== "kill" && beganAt < to + RECOVERED_IN && killedAt > from
  );
  if (pending > ACKNOWLEDGED_IN && !isAway) return undefined;
  return `its node was killed ${killedAt - beganAt} ms after it began, ${
    doneAt === undefined
      ? "before it finished"
      : `${killedAt - doneAt} ms after it finished${
        isAway ? ", while the store was away" : ""
      }`
  }; delivered again ${second.beganAt - beganAt} ms after the first time`;
}

function describe(deliveries: readonly LoggedDelivery[]): string {
  return deliveries.map(({ reason, beganAt, doneAt, killedAt }) =>
    `${reason} at ${beganAt}${doneAt === undefined ? ", not finished" : ""}${
      killedAt === undefined ? "" : `, killed at ${killedAt}`
    }`
  ).join("; ");
}

/** Describes the faults in the lease of a delivery, in which it was not finished. */
function during({ beganAt }: Delivery, faults: readonly Fault[]): string {
  return faults.filter(({ from, to }) =>
    to > beganAt - BEFORE && from < beganAt + LEASE
  ).map(({ kind, from, to }) =>
    `; ${kind} from ${from - beganAt} to ${to - beganAt} ms after the first`
  ).join("");
}

function describeWorst(
  calm: readonly Delivery[],
  faults: readonly Fault[],
): string[] {
  const sorted = [...calm].sort((a, b) =>
    b.beganAt - b.endedAt - (a.beganAt - a.endedAt)
  );
  return sorted.slice(0, 5).map(({ uid, beganAt, endedAt }) => {
    const before = faults.filter(({ to }) => to < endedAt);
    const last = before.sort((a, b) => b.to - a.to)[0];
    const late = `${uid}: ${Math.round(beganAt - endedAt)} ms late`;
    return last === undefined
      ? late
      : `${late}, due ${Math.round(endedAt - last.to)} ms after a ${last.kind}`;
  });
}

function latenessOf(deliveries: readonly Delivery[]): Lateness {
  const late = deliveries.map(({ beganAt, endedAt }) =>
    Math.round(beganAt - endedAt)
  ).sort((a, b) => a - b);
  const at = (part: number) =>
    late[Math.min(late.length - 1, Math.floor(late.length * part))] ?? 0;
  return { count: late.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

function countKinds(
  faults: readonly Fault[],
): Readonly<Record<Fault["kind"], number>> {
  const counts = {
    kill: 0,
    restart: 0,
    silence: 0,
    break: 0,
    failover: 0,
    freeze: 0,
  };
  for (const { kind } of faults) counts[kind]++;
  return counts;
}
