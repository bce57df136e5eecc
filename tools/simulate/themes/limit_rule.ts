import type { ClaimedEnd, StoredSession } from "../../../stores/store.ts";
import type { Ask } from "../ask.ts";
import type { Life } from "../host.ts";
import type { StoreCall } from "../wire.ts";
import type { Judge, Rule, States } from "./rule.ts";

/** Milliseconds between the count of sessions and the end of one, at most. */
const LONGEST = 12_000;

/** The same where nothing fails. */
const LONGEST_CALM = 600;

/** A login as the store has it. */
interface Login {
  readonly uid: string;
  readonly principal: string;
  readonly life: Life;
  /** Simulated milliseconds. */
  readonly at: number;
}

/**
 * The limit of sessions of a principal (promise 13): a login that is answered has
 * ended those beyond it, the oldest ones, and no other session.
 */
export class LimitRule implements Rule {
  readonly #judge: Judge;
  readonly #logins: Login[] = [];
  readonly #evicted = new Set<string>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onChange(
    uid: string,
    { before, after }: States,
    { life }: StoreCall,
  ): void {
    const principal = after?.principal;
    if (this.#most === undefined || principal === undefined) return;
    const isLogin = before?.principal !== principal ||
      before.authenticatedAt !== after!.authenticatedAt;
    const at = this.#judge.world.schedule.now;
    if (isLogin) this.#logins.push({ uid, principal, life, at });
  }

  onCall({ name, args }: StoreCall, answer: unknown): void {
    if (this.#most === undefined) return;
    if (name !== "end" || args[1] !== "evicted" || answer === undefined) return;
    const { session } = answer as ClaimedEnd;
    // A session whose creation failed is given up in the same way.
    const isGivenUp = this.#judge.world.asks.every(({ got, status }) =>
      got?.uid !== session.uid || status === 503 || status === 500
    );
    if (isGivenUp) return;
    this.#evicted.add(session.uid);
    if (this.#judge.world.plan.limit!.isRefusing) return;
    this.#judgeEviction(session);
  }

  onAnswered(ask: Ask): void {
    if (this.#most === undefined || ask.loggedIn === undefined) return;
    const { principal } = ask.step;
    if (ask.status === 409) this.#judgeRefusal(ask);
    if (ask.status !== 200) return;
    const { uid } = ask.loggedIn;
    const own = this.#logins.find((login) =>
      login.uid === uid && login.life === ask.life &&
      login.at >= ask.loggedIn!.at
    );
    const { fail, world, hasReported } = this.#judge;
    const { truth } = world;
    const to = ask.answeredAt!;
    if (own === undefined || truth.wasOver(uid, own.at, to)) return;
    // A limit that could not be applied is reported; the next login applies it. An
    // end that the store did not answer is written again later.
    const hasLost = world.wire.losses.some(({ life, at }) =>
      life === ask.life && at >= ask.arrivedAt && at <= to
    );
    if (hasLost || hasReported(ask.life, ask.arrivedAt, to)) return;
    if (world.truth.clock.wasSet(0, to)) return;
    const before = new Set(
      this.#logins.filter((login) =>
        login.principal === principal && login.at <= own.at
      ).map((login) => login.uid),
    );
    const later = new Set(
      this.#logins.filter((login) => login.at > own.at).map(({ uid }) => uid),
    );
    const live = [...before].filter((uid) =>
      !later.has(uid) && !truth.ends.has(uid) && !truth.wasOver(uid, to, to)
    );
    if (live.length <= this.#most) return;
    const names = live.map((uid) => world.nameOf(uid));
    fail(13, `${ask.name} is answered, and ${principal} has ${names}`);
  }

  finish(): void {
    const { fail, world } = this.#judge;
    for (const uid of this.#evicted) {
      if (!world.plan.limit!.isRefusing) continue;
      const isRefused = world.asks.some(({ loggedIn, status }) =>
        loggedIn?.uid === uid && status !== 200
      );
      if (!isRefused) {
        fail(13, `${world.nameOf(uid)} is evicted, and its login was answered`);
      }
    }
  }

  get #most(): number | undefined {
    return this.#judge.world.plan.limit?.most;
  }

  /** There must have been as many sessions with later logins as there may be. */
  #judgeEviction({ uid, principal }: StoredSession): void {
    const { fail, world } = this.#judge;
    const { now } = world.schedule;
    if (world.truth.clock.wasSet(0, Infinity)) return;
    // It may have logged in once more since it was counted.
    const at = Math.min(
      ...world.truth.recordsIn(uid, now - this.#longest, now)
        .flatMap(({ record }) => record ?? [])
        .map(loginOf),
    );
    const newer = this.#of(principal, now).filter((other) =>
      other.uid !== uid && loginOf(other) >= at
    );
    if (newer.length >= this.#most!) return;
    fail(
      13,
      `${
        world.nameOf(uid)
      } of ${principal} is evicted, and has ${newer.length} newer ones`,
    );
  }

  #judgeRefusal(ask: Ask): void {
    const { fail, world } = this.#judge;
    const { principal } = ask.step;
    const at = ask.answeredAt!;
    // An end that was claimed before the store's clock was set back is told later by
    // as much, and its session counts until then.
    if (world.truth.clock.wasSet(0, at)) return;
    const { host } = ask.life;
    // A process that stands still reads the store's answer late: the sessions may have
    // ended since it has counted them.
    const from = host.hadTrouble(ask.loggedIn!.at, at) ? ask.loggedIn!.at : at;
    const others = this.#of(principal, at, from).filter(({ uid }) =>
      uid !== ask.loggedIn!.uid
    );
    if (others.length >= this.#most!) return;
    fail(13, `${ask.name} is refused, and ${principal} has ${others.length}`);
  }

  get #longest(): number {
    const { plan, hosts, schedule } = this.#judge.world;
    const isCalm = plan.rates.lost + plan.rates.slow === 0 &&
      hosts.every((host) =>
        host.blocked === 0 && !host.hadTrouble(0, schedule.now)
      );
    return isCalm ? LONGEST_CALM : LONGEST;
  }

  /** Returns the sessions that a principal has had lately, or since a time. */
  #of(principal: string | undefined, at: number, since = at): StoredSession[] {
    const { truth } = this.#judge.world;
    const from = Math.min(since, at - this.#longest);
    return [...truth.moments.keys()].flatMap((uid) => {
      const records = truth.recordsIn(uid, from, at)
        .flatMap(({ record }) => record ?? [])
        .filter((record) => record.principal === principal);
      return records.slice(-1);
    });
  }
}

function loginOf(
  { authenticatedAt, createdAt }: Pick<
    StoredSession,
    "authenticatedAt" | "createdAt"
  >,
): number {
  return authenticatedAt ?? createdAt;
}
