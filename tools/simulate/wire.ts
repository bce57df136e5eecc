import { isPromiseLike, type MaybePromise } from "../../base/promises.ts";
import type {
  ClaimedEnd,
  ClaimKey,
  SessionStore,
  StoredSession,
} from "../../stores/store.ts";
import type { Life } from "./host.ts";
import type { Mishaps } from "./mishaps.ts";
import type { Schedule } from "./schedule.ts";
import type { SimulatedStore } from "./stores.ts";
import type { Truth } from "./truth.ts";

/** Milliseconds after which a program is told that its connection is lost. */
const RESET_AFTER = 40;

/** Milliseconds from which a message counts as long on its way. */
const LONG = 50;

/** A call that reaches the store. */
export interface StoreCall {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly life: Life;
}

/** A call with what is called: a store, or a part of one. */
interface TargetedCall extends StoreCall {
  readonly target: object;
}

/** The parts of the simulated network. */
export interface WireParts {
  readonly schedule: Schedule;
  readonly mishaps: Mishaps;
  readonly truth: Truth;
  readonly store: SimulatedStore;
  /** Whether programs call the store without a network. */
  readonly isDirect: boolean;
  say(text: string): void;
  /** Notes a call in a log that shows all of them. */
  readonly sayCall: ((text: string) => void) | undefined;
  /** Called with each new state of a record. */
  onChange(uid: string, call: StoreCall): void;
  /** Called with each call that the store has answered. */
  onCall(call: StoreCall, answer: unknown): void;
}

type Member = (...args: unknown[]) => unknown;

/** The store, and the network between it and the programs. */
export class Wire {
  readonly #parts: WireParts;
  /** Until when a host, by its name, cannot reach the store. */
  readonly #cuts = new Map<string, { until: number; isSilent: boolean }>();
  /** When the messages of a session's program were lost, by life and uid. */
  readonly losses: {
    readonly life: Life;
    readonly uid: string;
    readonly at: number;
  }[] = [];

  /** Messages that were long on their way, by life and uid. */
  readonly delays: {
    readonly life: Life;
    readonly uid: string;
    readonly at: number;
    /** Milliseconds. */
    readonly lasts: number;
  }[] = [];

  constructor(parts: WireParts) {
    this.#parts = parts;
  }

  /** Cuts a host off; its calls fail, or are never answered. */
  cut(host: string, until: number, isSilent: boolean): void {
    this.#cuts.set(host, { until, isSilent });
  }

  /** Has the store lose a session; false if it cannot. */
  lose(uid: string): boolean {
    const { store } = this.#parts;
    store.lose?.(uid);
    return store.lose !== undefined;
  }

  /** Heals the network. */
  heal(): void {
    this.#cuts.clear();
  }

  /** Returns the store as a program sees it. */
  storeFor(life: Life): SessionStore {
    const { store: { isRemote, open }, isDirect } = this.#parts;
    const store = open();
    const proxies = new Map(
      (store.parts ?? []).map((part) => [part, this.#proxyOf(part, life)]),
    );
    const members: Record<string, unknown> = {
      isNotifyingReliably: isDirect && store.isNotifyingReliably === true,
      parts: [...proxies.values()],
      partOf: (uid: string) => proxies.get(store.partOf!(uid)),
      // It looks at the settings of a server, and there is none.
      ...isRemote ? { check: undefined } : {},
    };
    const proxy = this.#proxyOf(store, life);
    return new Proxy(store, {
      get: (_, name) =>
        Object.hasOwn(members, name)
          ? members[name as string]
          : Reflect.get(proxy, name, proxy),
    });
  }

  /** Returns an object whose methods are called over the network. */
  #proxyOf<T extends object>(target: T, life: Life): T {
    return new Proxy(target, {
      get: (_, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function" || typeof name !== "string") {
          return member;
        }
        if (name === "watch") {
          return (...listeners: readonly (Member | undefined)[]) =>
            this.#watch(target, life, listeners);
        }
        return (...args: unknown[]) => {
          const call = { target, name, args, life };
          return this.#parts.isDirect ? this.#apply(call) : this.#send(call);
        };
      },
    });
  }

  #send(call: TargetedCall): Promise<unknown> {
    const { schedule, mishaps } = this.#parts;
    const { life, name } = call;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const lose = (isSilent: boolean) => {
      this.#noteLoss(call);
      if (isSilent) return;
      life.happen(
        schedule.now + RESET_AFTER,
        () => reject(new Error("The connection is lost")),
      );
    };
    const there = mishaps.next(`${life.name}>${name}`);
    this.#noteDelay(call, there.delay);
    const arrive = (isLast: boolean) => {
      const cut = this.#cutOf(life);
      if (cut !== undefined) return lose(cut.isSilent);
      let answer: unknown;
      let error: unknown;
      try {
        answer = this.#apply(call);
      } catch (thrown) {
        error = thrown;
      }
      // It may be lost on its way back.
      if (isPromiseLike(answer)) answer.then(() => {}, () => {});
      if (!isLast) return;
      const back = mishaps.next(`${name}>${life.name}`);
      if (back.isLost) return lose(mishaps.draw(`${life.name}${name}`) < 0.3);
      this.#noteDelay(call, back.delay);
      life.happen(schedule.now + back.delay, () => {
        const cut = this.#cutOf(life);
        if (cut !== undefined) return lose(cut.isSilent);
        if (error === undefined) resolve(answer);
        else reject(error);
      });
    };
    const sentAt = life.host.now;
    if (there.isLost) lose(mishaps.draw(`${life.name}${name}`) < 0.3);
    else if (there.isDoubled && name !== "commit") {
      // The client of the store has sent it again after a lost answer. It must not
      // do so with commits: see docs/simulator.md.
      const again = there.delay + 5 + mishaps.draw(`again ${name}`) * 200;
      this.#noteDelay(call, again);
      schedule.add(sentAt + there.delay, () => arrive(false));
      schedule.add(sentAt + again, () => arrive(true));
    } else schedule.add(sentAt + there.delay, () => arrive(true));
    return promise;
  }

  /** Makes a call at the store, and notes what it has changed. */
  #apply(call: TargetedCall): unknown {
    const { target, name, args } = call;
    const answer = (Reflect.get(target, name) as Member).apply(
      target,
      [...args],
    );
    return isPromiseLike(answer)
      ? answer.then((value) => this.#note(call, value))
      : this.#note(call, answer);
  }

  #note(call: StoreCall, answer: unknown): unknown {
    const { store, schedule, truth, onChange, sayCall } = this.#parts;
    const { name, args } = call;
    this.#parts.onCall(call, answer);
    if (name === "acknowledge" && answer === true && !isHold(args[0])) {
      truth.acknowledged.add(args[0] as string);
    }
    if (name === "acknowledgeAll") {
      const answers = answer as readonly boolean[];
      for (const [index, { uid }] of (args[0] as ClaimKey[]).entries()) {
        if (answers[index]) truth.acknowledged.add(uid);
      }
    }
    sayCall?.(
      `  ${call.life.name} ${name} ${describe(args)} -> ${describe(answer)}`,
    );
    const touched = new Set<string>();
    if (name === "create") touched.add((args[0] as { uid: string }).uid);
    if (name === "load" || name === "commit") touched.add(args[0] as string);
    if (name === "end") touched.add(args[0] as string);
    const ends = name === "end" && answer !== undefined
      ? [answer as ClaimedEnd]
      : name === "claim"
      ? (answer as { ends: readonly ClaimedEnd[] }).ends
      : [];
    for (const end of ends) {
      if (isHold(end.session.uid)) continue;
      touched.add(end.session.uid);
      truth.noteEnd(end, schedule.now);
    }
    const noteRecord = (uid: string, record: StoredSession | undefined) => {
      // A session that was never made is not noted.
      if (record === undefined && !truth.moments.has(uid)) return;
      if (truth.note(uid, schedule.now, record)) onChange(uid, call);
    };
    const waits: Promise<void>[] = [];
    for (const uid of touched) {
      // The rule of holds looks at these.
      if (isHold(uid)) continue;
      const record = store.peek(uid);
      if (isPromiseLike(record)) {
        waits.push(record.then((record) => noteRecord(uid, record)));
      } else noteRecord(uid, record);
    }
    return waits.length === 0 ? answer : Promise.all(waits).then(() => answer);
  }

  #watch(
    target: object,
    life: Life,
    listeners: readonly (Member | undefined)[],
  ): MaybePromise<() => void> {
    const { schedule, mishaps, isDirect } = this.#parts;
    const tell = (channel: string, act: () => void) => {
      if (isDirect) return life.happen(schedule.now, act);
      const fate = mishaps.next(`${channel}>${life.name}`);
      if (fate.isLost || this.#cutOf(life) !== undefined) return;
      life.happen(schedule.now + fate.delay, act);
      if (!fate.isDoubled) return;
      life.happen(schedule.now + fate.delay * 2 + 3, act);
    };
    const wrapped = listeners.map((listener, index) =>
      listener === undefined
        ? undefined
        : (news: unknown) => tell(`news${index}`, () => listener(news))
    );
    const watching = (Reflect.get(target, "watch") as Member)
      .apply(target, wrapped) as MaybePromise<() => void>;
    const stop = () => {
      life.unwatch.delete(stop);
      if (isPromiseLike(watching)) watching.then((unwatch) => unwatch());
      else watching();
    };
    life.unwatch.add(stop);
    return isPromiseLike(watching) ? watching.then(() => stop) : stop;
  }

  #noteLoss(call: StoreCall): void {
    const { schedule, say } = this.#parts;
    const { life, name } = call;
    this.losses.push({ life, uid: uidOf(call), at: schedule.now });
    say(`${life.name} lost ${name}`);
  }

  #noteDelay(call: StoreCall, lasts: number): void {
    if (lasts < LONG) return;
    const { now: at } = this.#parts.schedule;
    this.delays.push({ life: call.life, uid: uidOf(call), at, lasts });
  }

  #cutOf(life: Life): { readonly isSilent: boolean } | undefined {
    const { now } = this.#parts.schedule;
    for (const name of [life.host.name, "store"]) {
      const cut = this.#cuts.get(name);
      if (cut !== undefined && now < cut.until) return cut;
    }
    return undefined;
  }
}

/** Returns the uid that a call is about; "" if it is about several, or none. */
function uidOf({ args: [first] }: StoreCall): string {
  if (typeof first === "string") return first;
  return (first as { uid?: string } | undefined)?.uid ?? "";
}

/** Whether a uid is that of a hold, whose record is no session. */
export function isHold(uid: unknown): boolean {
  return String(uid).startsWith("hold:");
}

/** Describes arguments or an answer of a call. */
function describe(value: unknown): string {
  return JSON.stringify(
    value,
    (_, each) =>
      each instanceof Map
        ? Object.fromEntries(each)
        : each === undefined
        ? null
        : each,
  ) ?? "nothing";
}
