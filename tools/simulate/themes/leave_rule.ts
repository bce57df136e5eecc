import type { Ask } from "../ask.ts";
import type { Act } from "./act.ts";
import type { Judge, Rule } from "./rule.ts";

/**
 * Clients that leave early: the signal of the visit aborts at once, and only before
 * the request has an answer. The rules for times judge that the session of such a
 * request is not held any longer (promise 2).
 */
export class LeaveRule implements Rule {
  readonly #judge: Judge;
  readonly #noticed = new Set<Ask>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onAct(act: Act): void {
    if (act.kind !== "left") return;
    const { ask } = act;
    this.#noticed.add(ask);
    if (ask.leftAt <= ask.handledAt && ask.leftAt < Infinity) return;
    this.#judge.fail(0, `${ask.name} is told that its client has left`);
  }

  onAnswered(ask: Ask): void {
    // A request that was answered 503 may have had no visit.
    if (ask.sights.length === 0 || ask.leftAt >= ask.handledAt) return;
    if (this.#noticed.has(ask)) return;
    this.#judge.fail(0, `${ask.name} is not told that its client has left`);
  }
}
