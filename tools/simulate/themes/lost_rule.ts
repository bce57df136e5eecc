import type { SessionEnd } from "../../../session.ts";
import type { Life } from "../host.ts";
import type { StoreCall } from "../wire.ts";
import type { Judge, Rule, States } from "./rule.ts";

/** Milliseconds that the answer to a load may be on its way. */
const ON_ITS_WAY = 50;

/** The end of a lost session as a program was told it. */
interface Told {
  readonly life: Life;
  readonly reason: string;
}

/**
 * Sessions that vanish from the store (promise 15): a process that has one ends it,
 * tells the end and reports it. No token opens what it writes for that.
 */
export class LostRule implements Rule {
  readonly #judge: Judge;
  /** The programs in which each lost session was live. */
  readonly #holders = new Map<string, readonly Life[]>();
  /** When each program last loaded each session. */
  readonly #loads = new Map<string, number>();
  readonly #told = new Map<string, Told>();
  /** The lost sessions that a repeated creation has made once more. */
  readonly #opened = new Set<string>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  onCall({ name, life, args }: StoreCall, answer: unknown): void {
    if (name !== "load" || answer === undefined) return;
    this.#loads.set(`${life.name} ${args[0]}`, this.#judge.world.schedule.now);
  }

  onLost(uid: string, holders: readonly Life[]): void {
    const { plan, schedule } = this.#judge.world;
    const since = schedule.now - Math.max(ON_ITS_WAY, plan.rates.slowest);
    // A program that hears that the session lives elsewhere may forget it.
    const sure = holders.filter(({ name }) =>
      (this.#loads.get(`${name} ${uid}`) ?? -Infinity) < since
    );
    this.#holders.set(uid, sure);
  }

  onChange(uid: string, { after }: States, { name }: StoreCall): void {
    if (name !== "create" || !this.#holders.has(uid)) return;
    const isOpen = after !== undefined && after.tokens.length > 0;
    if (!isOpen) return;
    this.#opened.add(uid);
    const { fail, world } = this.#judge;
    const { plan: { rates }, asks, wire: { delays } } = world;
    // A program that does not know of the first creation repeats it. It has sent no
    // token of the session before, so no client can open what comes of it.
    const isSent = asks.some(({ cookie }) => cookie?.startsWith(uid));
    // The first call may still be on its way, or the client has sent it twice.
    const isRepeated = rates.doubled > 0 ||
      delays.some((each) => each.uid === uid);
    if (!isSent || isRepeated) return;
    fail(15, `${world.nameOf(uid)} has vanished, and can be opened again`);
  }

  onTold(life: Life, { uid, reason }: SessionEnd): void {
    if (this.#holders.has(uid)) this.#told.set(uid, { life, reason });
  }

  finish(): void {
    const { fail, isReported, world } = this.#judge;
    const { plan, asks, hosts, wire } = world;
    for (const [uid, holders] of this.#holders) {
      const name = world.nameOf(uid);
      const told = this.#told.get(uid);
      if (told === undefined) {
        const witness = holders.find(({ isAlive, isClosing }) =>
          isAlive && !isClosing
        );
        if (witness === undefined) continue;
        fail(15, `${name} has vanished, and ${witness.name} does not tell it`);
        continue;
      }
      // A logout ends the sessions of all cookies of its request (promise 6).
      const isLeft = asks.some(({ left, step, loggedIn, tokens }) =>
        left?.uid === uid || step.action === "endAll" ||
        (left ?? loggedIn) !== undefined &&
          tokens.some((token) => token.startsWith(uid))
      );
      const isCalm = plan.rates.lost + plan.rates.slow === 0 &&
        hosts.every((host) => host.troubles.length === 0);
      // A program that does not know of its creation ends the session for that.
      const isKnown = ![...wire.losses, ...wire.delays].some((each) =>
        each.uid === uid
      );
      if (
        told.reason !== "lost" && !isLeft && isKnown && !this.#opened.has(uid)
      ) {
        fail(15, `${name} has vanished, and is told as ${told.reason}`);
      }
      if (!isCalm) continue;
      if (!isReported(uid, "vanished")) {
        fail(
          15,
          `${name} has vanished, and ${told.life.name} does not report it`,
        );
      }
    }
  }
}
