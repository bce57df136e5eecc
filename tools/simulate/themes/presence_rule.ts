import type { PresenceState } from "../../../sessions.ts";
import type { Ask } from "../ask.ts";
import type { Life } from "../host.ts";
import { type Moment, statusOf } from "../truth.ts";
import type { Act, PresenceAct } from "./act.ts";
import type { Judge, Rule } from "./rule.ts";

/** Milliseconds within which a change is told where nothing fails. */
const LATEST = 1200;

/** Milliseconds by which a change may be told before the time that a log shows. */
const EARLIEST = 100;

/** Milliseconds that a failure may have an effect. */
const OUTAGE = 10_000;

/** A visit that makes its visitor present. */
interface Visit {
  readonly ask: Ask;
  readonly principal: string;
  /** Simulated milliseconds. */
  readonly from: number;
  readonly to: number;
  /** Whether its session was over at the answer. */
  readonly isOver: boolean;
}

/** The states that may follow each other. */
const NEXT: Readonly<Record<PresenceState, readonly PresenceState[]>> = {
  offline: ["present"],
  present: ["away", "offline"],
  away: ["present", "offline"],
};

/**
 * The presence of visitors (docs/presence.md): changes in order, each told once, in
 * time where nothing fails, and "offline" in the end.
 */
export class PresenceRule implements Rule {
  readonly #judge: Judge;
  readonly #told = new Map<string, PresenceAct[]>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  get isQuiet(): boolean {
    if (!this.#hasAnswers) return true;
    return [...this.#told.values()].every((told) =>
      told.at(-1)!.state === "offline"
    );
  }

  /** Whether each call of the store has an answer in time. */
  get #hasAnswers(): boolean {
    const { lost, slow } = this.#judge.world.plan.rates;
    return lost + slow === 0;
  }

  onAct(act: Act): void {
    if (act.kind !== "presence") return;
    const { principal, state, at, life } = act;
    const told = this.#told.get(principal) ?? [];
    this.#told.set(principal, told);
    const before = told.at(-1);
    told.push(act);
    const { fail } = this.#judge;
    const from = before?.at ?? at;
    if (!NEXT[before?.state ?? "offline"].includes(state)) {
      if (!this.#isCalm(from - OUTAGE)) return;
      // A visitor who logs out at once may be offline before the arrival is told.
      const isShort = state === "offline" &&
        this.#judge.world.asks.some(({ loggedIn, step }) =>
          step.principal === principal && loggedIn !== undefined &&
          loggedIn.at >= (before?.at ?? 0)
        );
      if (isShort) return;
      fail(15, `${life.name} tells that ${principal} is ${state} once more`);
    }
    if (!this.#isCalm(at - OUTAGE)) return;
    const name = `${principal} is ${state}`;
    if (state === "away" && this.#isPresent(principal, at)) {
      fail(15, `${life.name} tells that ${name}, and a visit was after that`);
    }
    if (
      state === "offline" && !this.#wasOffline(principal, at - LATEST, at, life)
    ) {
      fail(15, `${life.name} tells that ${name}, and a session lives`);
    }
  }

  finish(): void {
    const { fail, world } = this.#judge;
    if (world.plan.awayAfter === undefined) return;
    for (const [principal, told] of this.#told) {
      const { state, life } = told.at(-1)!;
      // A machine that has slept goes on with a lease that is over. A change whose
      // hold was taken by a call without an answer may be told late, or not at all.
      const isSure = this.#hasAnswers && life.host.sleeps.length === 0;
      if (state === "offline" || !isSure) continue;
      fail(15, `${principal} is ${state} for ever`);
    }
    if (!this.#isCalm(0)) return;
    for (const { ask, principal, isOver } of this.#visits()) {
      if (isOver) continue;
      const at = ask.answeredAt!;
      if (this.#wasOffline(principal, at, at + LATEST)) continue;
      if (this.#stateAt(principal, at + LATEST) === "present") continue;
      const isShort = at + LATEST > this.#lastOf(principal, at + LATEST) +
          1000 * world.plan.awayAfter - EARLIEST;
      if (!isShort) {
        fail(15, `${ask.name} visits, and ${principal} is not present`);
      }
    }
    const now = world.schedule.now;
    for (const principal of this.#told.keys()) {
      for (const { at } of this.#told.get(principal)!) {
        if (at + LATEST > now) continue;
        this.#judgeLate(principal, at);
      }
    }
  }

  /** After the last visit, a visitor is away or offline in time. */
  #judgeLate(principal: string, from: number): void {
    const { fail, world } = this.#judge;
    const told = this.#told.get(principal)!;
    const index = told.findIndex(({ at }) => at === from);
    const { state } = told[index]!;
    const until = told[index + 1]?.at ?? world.schedule.now;
    if (state !== "present") return;
    const last = Math.max(from, this.#lastOf(principal, until));
    const due = last + 1000 * world.plan.awayAfter! + LATEST;
    if (until > due) {
      fail(15, `${principal} is present ${until - due} ms too long`);
    }
  }

  #stateAt(principal: string, at: number): PresenceState {
    const told = this.#told.get(principal) ?? [];
    return told.findLast((one) => one.at <= at)?.state ?? "offline";
  }

  /** Whether a visitor has visited, or has a stream, too shortly ago to be away. */
  #isPresent(principal: string, at: number): boolean {
    const { plan } = this.#judge.world;
    const since = at - 1000 * plan.awayAfter! + EARLIEST;
    return this.#lastOf(principal, at - EARLIEST) > since;
  }

  /** Returns when the last visit or stream of a visitor was over, or now. */
  #lastOf(principal: string, until: number): number {
    return Math.max(
      -Infinity,
      ...this.#visits().filter((visit) =>
        visit.principal === principal && visit.from <= until
      ).map(({ ask, from, to }) =>
        ask.step.action === "stream"
          ? Math.min(until, to)
          : to <= until
          ? to
          : from
      ),
    );
  }

  #visits(): readonly Visit[] {
    const { asks, truth } = this.#judge.world;
    return asks.flatMap((ask) => {
      const { got, status, step, loggedIn, streamedUntil } = ask;
      const at = ask.answeredAt!;
      if (got === undefined || status !== 200) return [];
      const { uid } = got;
      const isStream = step.action === "stream";
      if (step.isHead && loggedIn === undefined && !isStream) return [];
      // A stream counts as soon as it opens, and a login for the streams that are open.
      const from = isStream ? got.at : loggedIn?.at ?? at;
      const last = truth.recordsIn(uid, from, at).findLast(({ record }) =>
        record?.principal !== undefined
      );
      const principal = last?.record?.principal;
      if (principal === undefined || this.#isSuperseded(ask, last!)) return [];
      const isOver = truth.wasOver(uid, at, at);
      if (isOver && !isStream && loggedIn === undefined) return [];
      const end = truth.moments.get(uid)!.find((moment) =>
        moment.at > from && moment.record === undefined
      );
      const to = Math.max(at, streamedUntil || 0);
      return [{
        ...{ ask, principal, from, isOver },
        to: isOver && !isStream ? from : Math.min(to, end?.at ?? to),
      }];
    });
  }

  /** Whether a login has superseded the token of a request before its answer. */
  #isSuperseded({ tokens, got, loggedIn, cookie }: Ask, last: Moment): boolean {
    const { uid } = got!;
    if (loggedIn !== undefined) return cookie?.startsWith(uid) !== true;
    const { truth } = this.#judge.world;
    const own = tokens.filter((token) => token.startsWith(uid));
    return own.length > 0 && own.every((token) => {
      const status = statusOf(last.record, truth.hashOf(token), -Infinity);
      return status === "superseded" || status === "unknown";
    });
  }

  /** Whether a visitor had no session at some time between two others. */
  #wasOffline(
    principal: string,
    from: number,
    to: number,
    life?: Life,
  ): boolean {
    const { truth, asks } = this.#judge.world;
    // A logout or a login in the process counts before it is written.
    const hasEnded = (uid: string) =>
      asks.some(({ left, loggedIn, tokens, ...ask }) =>
        ask.life === life && (left?.uid === uid ||
          loggedIn !== undefined && loggedIn.uid !== uid &&
            loggedIn.at <= to && tokens.some((token) => token.startsWith(uid)))
      );
    const times = [from, to];
    for (const moments of truth.moments.values()) {
      for (const { at } of moments) if (at > from && at <= to) times.push(at);
    }
    // At the time of a change a session has two states.
    return times.some((time) =>
      [...truth.moments].every(([uid, [first]]) => {
        const records = truth.recordsIn(uid, time, time);
        return records.length === 0 || first!.at === time || hasEnded(uid) ||
          records.some(({ record }) =>
            record?.principal !== principal ||
            record.deadline <= truth.clock.at(time)
          );
      })
    );
  }

  /** Whether nothing has failed since a time, and no process has ever closed. */
  #isCalm(from: number): boolean {
    const { plan, hosts, truth } = this.#judge.world;
    return plan.rates.lost + plan.rates.slow === 0 && plan.failures === 0 &&
      !truth.clock.wasSet(0, Infinity) &&
      hosts.every((host) =>
        host.blocked === 0 && host.lives === 1 &&
        host.life?.isClosing === false && !host.hadTrouble(from, Infinity) &&
        !host.wall.wasSet(0, Infinity)
      );
  }
}
