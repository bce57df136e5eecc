import type { Act, EndAct, ListAct } from "./act.ts";
import type { Judge, Rule } from "./rule.ts";

/**
 * Calls of the program without a request: `sessions.list()` names the sessions of
 * the principal in all processes, and `sessions.end()` ends them (promise 18).
 */
export class OutsideRule implements Rule {
  readonly #judge: Judge;

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onAct(act: Act): void {
    if (act.kind === "list") this.#judgeList(act);
    if (act.kind === "end") this.#judgeEnd(act);
  }

  #judgeEnd({ uid, at, from, hasEnded }: EndAct): void {
    const { fail, world } = this.#judge;
    const isOver = world.truth.wasOver(uid, from, at);
    if (!isOver) {
      fail(
        18,
        `sessions.end() answers ${hasEnded}, and ${world.nameOf(uid)} lives`,
      );
    }
  }

  #judgeList({ life, at, from, principal, uids }: ListAct): void {
    const { fail, world } = this.#judge;
    const { truth } = world;
    for (const uid of uids) {
      const records = truth.recordsIn(uid, from, at);
      if (!records.some(({ record }) => record?.principal === principal)) {
        fail(0, `${life.name} lists ${world.nameOf(uid)} for ${principal}`);
      }
    }
    for (const uid of truth.moments.keys()) {
      if (uids.includes(uid) || truth.wasOver(uid, from, at)) continue;
      if (truth.moments.get(uid)![0]!.at > from) continue;
      const isOf = truth.recordsIn(uid, from, at).every(({ record }) =>
        record?.principal === principal
      );
      // It may have ended here, and not in the store yet: by a logout, or since the
      // request that made it was answered 503.
      const isHidden = life.endedAt.has(uid) ||
        world.asks.some(({ left, loggedIn, tokens, ...ask }) =>
          ask.life === life &&
          (left?.uid === uid ||
            ask.got?.uid === uid && ask.status === 503 ||
            // Its end by endSessions() may be under way, or tried again.
            ask.step.action === "endAll" && ask.arrivedAt <= at &&
              (ask.status === 503 || (ask.answeredAt ?? Infinity) >= from) &&
              ask.sights.some((sight) => sight.principal === principal) ||
            loggedIn !== undefined &&
              tokens.some((token) => token.startsWith(uid)))
        );
      if (isOf && !isHidden) {
        fail(0, `${life.name} does not list ${world.nameOf(uid)}`);
      }
    }
  }
}
