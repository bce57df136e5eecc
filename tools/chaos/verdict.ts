import type { Fault } from "./faults.ts";
import type { Telling } from "./reports.ts";
import type { Sightings } from "./visitors.ts";

/** What one life of a node has told. */
export interface Teller {
  /** When it was killed, if it was: UNIX milliseconds. */
  readonly killedAt: number | undefined;
  readonly tellings: readonly Telling[];
}

/** All that is known in the end. */
export interface Evidence {
  readonly sightings: Sightings;
  readonly tellers: readonly Teller[];
  readonly faults: readonly Fault[];
  /** Milliseconds without a visit after which sessions end. */
  readonly sessionTimeout: number;
  /** Sessions that the store still has. */
  readonly left: number;
}

/** What is to be said of a run; lateness in milliseconds. */
export interface Verdict {
  readonly made: number;
  /** Sessions whose end was told. */
  readonly told: number;
  /** Those of which no visitor knows, for the answer was lost. */
  readonly unknown: number;
  readonly lost: readonly string[];
  readonly early: readonly string[];
  /** Told twice, and why that may be. */
  readonly doubles: readonly string[];
  /** Told twice without such a reason. */
  readonly unjustified: readonly string[];
  /** Lateness of the ends by deadline. */
  readonly overall: Lateness;
  /** Of those whose deadline lay outside of faults. */
  readonly calm: Lateness;
  /** The latest of these, and what went wrong last before them. */
  readonly worst: readonly string[];
  readonly answered: number;
  readonly refused: number;
  readonly unanswered: number;
  /** Logged out, answered, and let in again. */
  readonly revived: readonly string[];
  /** Whatever else must not be. */
  readonly wrongs: readonly string[];
  readonly faults: Readonly<Record<Fault["kind"], number>>;
  /** Whether all is as it must be. */
  readonly isGood: boolean;
}

/** How late ends were, in milliseconds. */
export interface Lateness {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Milliseconds that a fault begins before it is noted, or its claims were made. */
const BEFORE = 300;

/** Milliseconds that its effects on what comes due may outlast a fault. */
const AFTER = 2000;

/**
 * Milliseconds from the telling to its acknowledgement at most, on a busy machine,
 * while the store answers.
 */
const ACKNOWLEDGED_IN = 3000;

interface Told extends Telling {
  readonly killedAt: number | undefined;
}

/** Judges a run. */
export function judge(evidence: Evidence): Verdict {
  const { sightings, faults, sessionTimeout } = evidence;
  const { stays } = sightings;
  const told = byUid(evidence.tellers);
  const wrongs = [...sightings.wrongs];
  const lost: string[] = [];
  const early: string[] = [];
  const doubles: string[] = [];
  const unjustified: string[] = [];
  const revived: string[] = [];
  for (const [uid, stay] of stays) {
    const tellings = told.get(uid);
    if (tellings === undefined) {
      lost.push(`${uid} was never told`);
      continue;
    }
    if (!tellings.some(({ doneAt }) => doneAt !== undefined)) {
      lost.push(`${uid} was begun, and never told to the end`);
    }
    for (const { reason, beganAt, count } of tellings) {
      const due = stay.touchedAfter + sessionTimeout;
      if (reason === "logout" && stay.leftAt !== undefined) {
        if (beganAt < stay.leftAt) early.push(`${uid}: before its logout`);
      } else if (reason !== "idle") {
        early.push(`${uid} ended for no reason that there was: ${reason}`);
      } else if (beganAt < due) {
        early.push(`${uid} was told ${due - beganAt} ms before its deadline`);
      }
      if (count < stay.count) {
        wrongs.push(`${uid} counted ${stay.count}, and ended with ${count}`);
      }
    }
    if (stay.wasRevivedAt !== undefined) {
      revived.push(`${uid} was let in again after its logout`);
    }
  }
  for (const [uid, tellings] of told) {
    for (let i = 1; i < tellings.length; i++) {
      const first = tellings[i - 1]!;
      const why = excuse(first, tellings[i]!, faults);
      if (why !== undefined) doubles.push(`${uid}: ${why}`);
      else unjustified.push(`${uid}: ${describe(tellings)}`);
    }
  }
  const byDeadline = [...told.values()].map(([first]) => first!)
    .filter(({ reason }) => reason === "idle");
  const calm = byDeadline.filter(({ endedAt }) =>
    !faults.some(({ from, to }) =>
      endedAt >= from - BEFORE && endedAt <= to + AFTER
    )
  );
  if (evidence.left > 0) wrongs.push(`the store still has ${evidence.left}`);
  const { answered, refused, unanswered } = sightings;
  return {
    made: stays.size,
    told: told.size,
    unknown: [...told.keys()].filter((uid) => !stays.has(uid)).length,
    lost,
    early,
    doubles,
    unjustified,
    overall: latenessOf(byDeadline),
    calm: latenessOf(calm),
    worst: describeWorst(calm, faults),
    answered,
    refused,
    unanswered,
    revived,
    wrongs,
    faults: countKinds(faults),
    isGood: [lost, early, unjustified, revived, wrongs].every((list) =>
      list.length === 0
    ),
  };
}

/** The verdict in words. */
export function describeVerdict(verdict: Verdict): string {
  const { made, told, unknown, overall, calm, faults } = verdict;
  const lists = {
    "ends lost": verdict.lost,
    "ends told before their deadline": verdict.early,
    "ends told twice without need": verdict.unjustified,
    "logouts undone": verdict.revived,
    "other wrongs": verdict.wrongs,
  };
  return [
    `faults: ${
      Object.entries(faults).map(([kind, count]) => `${count} ${kind}`).join(
        ", ",
      )
    }`,
    `visits: ${verdict.answered} answered, ${verdict.refused} answered 503, ${verdict.unanswered} unanswered`,
    `sessions: ${made} made, ${told} ends told, ${unknown} of them of sessions whose visitor got no answer`,
    `late by: ${describeLateness(overall)}; outside of faults ${
      describeLateness(calm)
    }`,
    ...some(verdict.worst),
    `ends told twice as their teller was killed: ${verdict.doubles.length}`,
    ...some(verdict.doubles),
    ...Object.entries(lists).flatMap((
      [name, list],
    ) => [`${name}: ${list.length} (must be 0)`, ...some(list)]),
    verdict.isGood ? "The promise is kept." : "THE PROMISE IS BROKEN.",
  ].join("\n");
}

function describeLateness({ count, p50, p99, max }: Lateness): string {
  return `p50 ${p50}, p99 ${p99}, max ${max} ms (of ${count})`;
}

function some(list: readonly string[]): string[] {
  return list.slice(0, 8).map((line) => `  ${line}`);
}

function byUid(tellers: readonly Teller[]): Map<string, Told[]> {
  const told = new Map<string, Told[]>();
  for (const { killedAt, tellings } of tellers) {
    for (const telling of tellings) {
      const others = told.get(telling.uid) ?? [];
      others.push({ ...telling, killedAt });
      told.set(telling.uid, others);
    }
  }
  for (const tellings of told.values()) {
    tellings.sort((a, b) => a.beganAt - b.beganAt);
  }
  return told;
}

/**
 * Why an end may have been told again: whoever told it was killed before it could
 * be acknowledged, which takes long only while the store does not answer.
 */
function excuse(
  first: Told,
  second: Told,
  faults: readonly Fault[],
): string | undefined {
  const { killedAt, beganAt, doneAt } = first;
  if (killedAt === undefined || second.beganAt < killedAt) return undefined;
  const pending = killedAt - (doneAt ?? beganAt);
  const isAway = faults.some(({ kind, from, to }) =>
    kind !== "kill" && beganAt < to + AFTER && killedAt > from
  );
  if (pending > ACKNOWLEDGED_IN && !isAway) return undefined;
  return `its teller was killed ${killedAt - beganAt} ms after it began, ${
    doneAt === undefined
      ? "before it was done"
      : `${killedAt - doneAt} ms after it was done${
        isAway ? ", while the store was away" : ""
      }`
  }; told again ${second.beganAt - beganAt} ms after the first time`;
}

function describe(tellings: readonly Told[]): string {
  return tellings.map(({ reason, beganAt, doneAt, killedAt }) =>
    `${reason} at ${beganAt}${doneAt === undefined ? ", not done" : ""}${
      killedAt === undefined ? "" : `, killed at ${killedAt}`
    }`
  ).join("; ");
}

function describeWorst(
  calm: readonly Telling[],
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

function latenessOf(tellings: readonly Telling[]): Lateness {
  const late = tellings.map(({ beganAt, endedAt }) =>
    Math.round(beganAt - endedAt)
  ).sort((a, b) => a - b);
  const at = (part: number) =>
    late[Math.min(late.length - 1, Math.floor(late.length * part))] ?? 0;
  return { count: late.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

function countKinds(
  faults: readonly Fault[],
): Readonly<Record<Fault["kind"], number>> {
  const counts = { kill: 0, restart: 0, silence: 0, break: 0 };
  for (const { kind } of faults) counts[kind]++;
  return counts;
}
