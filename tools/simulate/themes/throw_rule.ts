import type { Ask, Write } from "../ask.ts";
import type { Life } from "../host.ts";
import type { Status } from "../truth.ts";
import type { Judge, Rule } from "./rule.ts";

const RECOGNIZED: readonly Status[] = ["current", "previous", "superseded"];

/**
 * Handlers that throw: what they have changed before is written or reported
 * (promises 16 and 17), their logouts are sure (18), and a session that such a
 * request made ends.
 */
export class ThrowRule implements Rule {
  readonly #judge: Judge;
  readonly #writes: Write[] = [];
  readonly #billed = new Set<string>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onWrite(write: Write): void {
    this.#writes.push(write);
  }

  onBilled(_life: Life, argument: string): void {
    this.#billed.add(argument);
  }

  onAnswered(ask: Ask): void {
    if (!ask.hasThrown) return;
    for (const write of ask.writes) {
      // The rule of late changes judges the others.
      if (!write.isLate) this.#judgeWrite(write);
    }
    this.#judgeLogout(ask);
  }

  finish(): void {
    for (const ask of this.#judge.world.asks) {
      if (!ask.hasThrown || ask.answeredAt === undefined) continue;
      this.#judgeRegistration(ask);
      this.#judgeNew(ask);
    }
  }

  #judgeWrite({ ask, uid, key, value, at }: Write): void {
    const { fail, isReported, world: { truth } } = this.#judge;
    const to = ask.answeredAt!;
    if (!truth.moments.has(uid) || truth.wasOver(uid, at, to)) return;
    const isThere = truth.recordsIn(uid, at, to).some(({ record }) => {
      const text = record?.values.get(key);
      return (text && JSON.parse(text.slice(1))) === value;
    });
    const isReplaced = this.#writes.some((other) =>
      other.ask !== ask && other.ask.life === ask.life && other.uid === uid &&
      other.key === key && other.at >= at && other.at <= to
    );
    if (isThere || isReplaced || isReported(uid, `"${key}"`)) return;
    fail(
      17,
      `${ask.name} throws, and "${key}" is neither written nor reported`,
    );
  }

  #judgeLogout({ name, left, life, tokens, arrivedAt, answeredAt }: Ask): void {
    if (left === undefined || !tokens.some((one) => one.startsWith(left.uid))) {
      return;
    }
    const { fail, hasReported, world: { truth } } = this.#judge;
    const to = answeredAt!;
    const isRecognized = tokens.every((token) =>
      [...truth.statusesIn(token, arrivedAt, to)].every((each) =>
        RECOGNIZED.includes(each)
      )
    );
    if (!isRecognized || truth.wasOver(left.uid, left.at, to)) return;
    if (hasReported(life, arrivedAt, to)) return;
    fail(18, `${name} has logged out and thrown, and the session lives on`);
  }

  #judgeRegistration(ask: Ask): void {
    const { name, step, got, hasRegistered, life } = ask;
    const { fail, isReported, world: { truth } } = this.#judge;
    const uid = got?.uid;
    if (!hasRegistered || step.action !== "register") return;
    if (uid === undefined || !truth.moments.has(uid)) return;
    // The session that it made may have waited for the store to be ended.
    if (life.crashedAt !== undefined) return;
    if (this.#billed.has(name) || isReported(uid, "bill")) return;
    fail(16, `the callback of ${name}, which threw, is lost`);
  }

  /** No browser has the token of such a session. */
  #judgeNew({ name, got, tokens, answeredAt, life }: Ask): void {
    const { fail, hasReported, world } = this.#judge;
    const { truth } = world;
    const uid = got?.uid;
    if (uid === undefined || !truth.moments.has(uid)) return;
    if (tokens.some((token) => token.startsWith(uid))) return;
    const to = answeredAt!;
    if (truth.wasOver(uid, to, to) || hasReported(life, got!.at, to)) return;
    fail(
      0,
      `${world.nameOf(uid)} lives on, and ${name}, which made it, has thrown`,
    );
  }
}
