import type { Session, SessionEnd } from "../../session.ts";
import type { Ask, Write } from "./ask.ts";
import { ageOf, Client, requestOf, tokenOf, tokensFor } from "./clients.ts";
import { Host, type Life, WallClock } from "./host.ts";
import { Mishaps } from "./mishaps.ts";
import { Model, type Violation } from "./model.ts";
import type { AskStep, Plan, Step, TroubleStep } from "./plan.ts";
import { Program, type ProgramWorld, statusOf } from "./program.ts";
import { Schedule } from "./schedule.ts";
import type { Seams, SimulatedTime } from "./seams.ts";
import type { SimulatedStore, StoreClock, StoreMaker } from "./stores.ts";
import type { Act } from "./themes/act.ts";
import { Truth } from "./truth.ts";
import { Wire } from "./wire.ts";

/** The result of a run. */
export interface Run {
  readonly violations: readonly Violation[];
  readonly log: readonly string[];
  /** The steps that happened, and the mishaps, by which the run can be shrunk. */
  readonly mishaps: readonly string[];
  readonly events: number;
  readonly asks: number;
  readonly sessions: number;
}

/** What a run simulates. */
export interface RunOptions {
  readonly seed: number;
  readonly plan: Plan;
  /** The only mishaps that may happen; undefined for all. */
  readonly mishaps?: ReadonlySet<string> | undefined;
  /** Whether the log shows the calls of the store too. */
  readonly isVerbose?: boolean;
  readonly maker: StoreMaker;
}

/** Milliseconds that the world goes on when all ends have been told. */
const AFTERWARDS = 1500;

/** The simulated time, set by the world that runs. */
export const simulated: SimulatedTime = {
  now: () => 0,
  monotonic: () => 0,
  setTimeout: () => 0,
  clearTimeout: () => {},
};

/** Simulates a plan. */
export async function runPlan(
  options: RunOptions,
  seams: Seams,
): Promise<Run> {
  const { seed, maker } = options;
  seams.begin(seed);
  const clock: StoreClock = {
    now: () => simulated.now(),
    monotonic: () => simulated.monotonic(),
  };
  const store = await maker.make(clock, seed);
  seams.begin(seed);
  return await new World(options, store).run();
}

/** Hosts, clients, a store and a network, for one run. */
export class World implements ProgramWorld {
  readonly plan: Plan;
  readonly schedule = new Schedule(() => this.#settle());
  readonly truth: Truth;
  readonly wire: Wire;
  readonly hosts: readonly Host[];
  readonly asks: Ask[] = [];
  readonly model: Model;
  readonly log: string[] = [];
  readonly failed: Map<string, number> = new Map();
  readonly #storeClock = new WallClock(0, 1);
  readonly #clients: readonly Client[];
  readonly #mishaps: Mishaps;
  readonly #names = new Map<string, string>();
  readonly #programs = new Map<Life, Program>();

  constructor(
    { seed, plan, mishaps, isVerbose }: RunOptions,
    store: SimulatedStore,
  ) {
    this.plan = store.isRemote ? { ...plan, isDirect: false } : plan;
    const { schedule } = this;
    Object.assign(simulated, {
      now: () => this.#storeClock.at(schedule.now),
      monotonic: () => schedule.now,
      ...schedule.timers(),
    });
    this.truth = new Truth(this.#storeClock);
    this.#mishaps = new Mishaps(seed, plan.rates, mishaps);
    this.model = new Model(this);
    this.wire = new Wire({
      schedule,
      mishaps: this.#mishaps,
      truth: this.truth,
      store,
      isDirect: this.plan.isDirect,
      say: (text) => this.say(text),
      sayCall: isVerbose === true
        ? (text) => this.say(this.#withNames(text, (uid) => this.#shown(uid)))
        : undefined,
      onChange: (uid, call) => this.model.onChange(uid, call),
      onCall: (call, answer) => this.model.onCall(call, answer),
    });
    this.hosts = Array.from(
      { length: plan.hosts },
      (_, index) =>
        new Host(schedule, {
          name: `p${index + 1}`,
          seed,
          offset: plan.offsets[index]!,
          rate: plan.drifts[index]!,
        }),
    );
    this.#clients = Array.from({ length: plan.clients }, () => new Client());
  }

  /** Runs the plan, then waits until all sessions have ended. */
  async run(): Promise<Run> {
    const { schedule, plan } = this;
    const { steps } = plan;
    for (const host of this.hosts) this.#start(host);
    for (const [index, step] of steps.entries()) {
      schedule.add(step.at, () => this.#do(step, `r${index}`));
    }
    const last = (steps.at(-1)?.at ?? 0) + 3000;
    await schedule.run(last, () => false);
    this.#heal();
    const { sessionTimeout, endLease } = plan;
    const longest = 1000 * (sessionTimeout + 3 * endLease + 60);
    await schedule.run(schedule.now + longest, () => this.#isQuiet());
    await schedule.run(schedule.now + AFTERWARDS, () => false);
    this.model.finish();
    for (const host of this.hosts) host.life = undefined;
    return {
      violations: this.model.violations,
      log: this.log,
      mishaps: this.#mishaps.happened,
      events: schedule.count,
      asks: this.asks.length,
      sessions: this.truth.moments.size,
    };
  }

  /** Whether the clocks that matter to a host were set between two times. */
  wasSet(life: Life, from: number, to: number): boolean {
    return life.host.wall.wasSet(from, to) || this.#storeClock.wasSet(from, to);
  }

  draw(name: string): number {
    return this.#mishaps.draw(name);
  }

  pickUid(choice: number): string | undefined {
    const uids = [...this.truth.moments.keys()];
    return uids[Math.floor(choice * uids.length)];
  }

  nameOf(uid: string): string {
    let name = this.#names.get(uid);
    if (name === undefined) {
      this.#names.set(uid, name = `s${this.#names.size + 1}`);
    }
    return name;
  }

  say(text: string): void {
    this.log.push(`${(this.schedule.now / 1000).toFixed(4)} ${text}`);
  }

  onSight(ask: Ask): void {
    this.model.onSight(ask);
  }

  onWrite(write: Write): void {
    this.model.onWrite(write);
    const { ask, key, value, uid } = write;
    const act = value === undefined ? "deletes" : "sets";
    this.say(`${ask.name} ${act} "${key}" of ${this.nameOf(uid)}`);
  }

  onAct(act: Act): void {
    this.model.onAct(act);
  }

  onTold(life: Life, end: SessionEnd): void {
    this.say(`${life.name} tells ${this.nameOf(end.uid)} ${end.reason}`);
    this.model.onTold(life, end);
  }

  onNamed(life: Life, argument: unknown, end: SessionEnd): void {
    this.say(`${life.name} calls bill(${argument}) of ${this.nameOf(end.uid)}`);
    this.model.onNamed(life, String(argument), end);
  }

  onError(life: Life, error: unknown, session: Session | undefined): void {
    const text = error instanceof Error ? error.message : String(error);
    this.say(`${life.name} reports: ${this.#withNames(text)}`);
    this.model.onError(life, error, session);
  }

  /** Replaces what the random numbers made by names. */
  #withNames(
    text: string,
    nameOf: (uid: string) => string = (uid) => this.nameOf(uid),
  ): string {
    return text.replace(/\b[\da-f]{64}\b/g, (hash) => `h${hash.slice(0, 4)}`)
      .replace(/[\da-f]{32}/g, nameOf);
  }

  /**
   * Returns the name of a uid, or its beginning if it has none yet: names decide
   * which calls fail, and a log of all calls must not change them.
   */
  #shown(uid: string): string {
    return this.#names.get(uid) ?? `u${uid.slice(0, 4)}`;
  }

  #start(host: Host): void {
    const life = host.start();
    this.say(`${life.name} starts`);
    const store = this.wire.storeFor(life);
    this.#programs.set(life, new Program(life, store, this));
  }

  #do(step: Step, name: string): void {
    if (step.kind === "ask") this.#ask(step, name);
    else if (step.kind !== "nothing") this.#trouble(step);
  }

  #ask(step: AskStep, name: string): void {
    const { schedule, plan } = this;
    const client = this.#clients[step.client]!;
    const tokens = tokensFor(step, this.#clients, this.#clientNow);
    // Without a signal a request is cheaper to make.
    const connection = plan.leaves > 0 ? new AbortController() : undefined;
    const request = requestOf(tokens, step.isHead, connection?.signal);
    const there = this.#mishaps.next(`client>${name}`);
    const { life } = this.hosts[step.host]!;
    if (there.isLost || life === undefined || life.isClosing) return;
    const shown = tokens.map((token) => this.#nameOfToken(token)).join("+");
    life.open++;
    const arrive = () => {
      const ask: Ask = {
        name,
        step,
        life,
        tokens,
        arrivedAt: life.host.now,
        answeredAt: undefined,
        status: undefined,
        cookie: undefined,
        cookieAge: undefined,
        sights: [],
        writes: [],
        got: undefined,
        left: undefined,
        loggedIn: undefined,
        hasRenewed: false,
        hasRegistered: false,
        listensFrom: NaN,
        timeout: undefined,
        absolute: undefined,
        streamedUntil: NaN,
        handledAt: Infinity,
        hasThrown: false,
        leftAt: Infinity,
        heard: [],
      };
      this.asks.push(ask);
      this.say(
        `${name} arrives at ${life.name}: c${step.client + 1} ` +
          `${step.isHead ? "HEAD " : ""}${step.action} with ${shown || "none"}`,
      );
      this.#leave(ask, connection);
      this.#answer(ask, request, client)
        // Deno aborts the signal of a request that is answered, too.
        .finally(() => connection?.abort());
    };
    life.happen(schedule.now + there.delay, arrive);
  }

  /** Has the client leave sometimes, while its request is under way or later. */
  #leave(ask: Ask, connection: AbortController | undefined): void {
    const { life, name, step } = ask;
    if (this.draw(`${name} leaves`) >= this.plan.leaves) return;
    const after = this.draw(`${name} leaves after`) * (step.wait + 20);
    life.happen(life.host.now + after, () => {
      if (ask.answeredAt !== undefined) return;
      ask.leftAt = life.host.now;
      this.say(`the client of ${name} leaves`);
      connection?.abort();
    });
  }

  async #answer(ask: Ask, request: Request, client: Client): Promise<void> {
    const { life, name } = ask;
    let response: Response | undefined;
    try {
      const program = this.#programs.get(life)!;
      response = await program.answer(ask, request);
      ask.status = response.status;
    } catch (error) {
      ask.status = statusOf(error);
      if (ask.status === 500) this.say(`${name} throws: ${error}`);
    }
    ask.answeredAt = life.host.now;
    ask.cookie = response === undefined ? undefined : tokenOf(response);
    ask.cookieAge = response === undefined ? undefined : ageOf(response);
    const cookie = ask.cookie === undefined
      ? ""
      : ask.cookie === ""
      ? ", cookie cleared"
      : `, cookie ${this.#nameOfToken(ask.cookie)}`;
    this.say(`${name} is answered ${ask.status}${cookie}`);
    this.model.onAnswered(ask);
    life.open--;
    if (response === undefined) return;
    const stream = response.body;
    if (ask.leftAt < Infinity) return void stream?.cancel().catch(() => {});
    const back = this.#mishaps.next(`${name}>client`);
    if (!back.isLost) {
      this.schedule.add(life.host.now + back.delay, () => {
        client.keep(response, this.#clientNow);
      });
    }
    if (ask.step.action === "stream" && stream !== null) {
      this.#follow(ask, stream.getReader());
    }
  }

  /** Reads a stream until the client leaves. */
  #follow(
    ask: Ask,
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): void {
    let isOpen = true;
    const read = async () => {
      while (!(await reader.read()).done);
    };
    const { life, step } = ask;
    ask.streamedUntil = Infinity;
    read().catch(() => {}).finally(() => {
      isOpen = false;
      ask.streamedUntil = this.schedule.now;
    });
    this.schedule.add(life.host.now + 50 + step.choice * 4000, () => {
      const at = this.schedule.now;
      if (isOpen && life.isAlive) this.model.onOpenStream(ask, at);
      reader.cancel().catch(() => {});
    });
  }

  #trouble({ kind, host: index, lasts, isSilent }: TroubleStep): void {
    const { schedule, wire } = this;
    const host = this.hosts[index]!;
    const { now } = schedule;
    const by = Math.round(isSilent ? -lasts : lasts);
    this.say(`trouble: ${kind} ${host.name} ${Math.round(lasts)}`);
    switch (kind) {
      case "crash":
        return this.#stop(host.life, lasts);
      case "close":
        return this.#close(host.life);
      case "freeze":
        return host.freeze(lasts);
      case "sleep":
        return host.sleep(lasts);
      case "cut":
        host.trouble(now, now + lasts);
        return wire.cut(host.name, now + lasts, isSilent);
      case "away":
        for (const each of this.hosts) each.trouble(now, now + lasts);
        return wire.cut("store", now + lasts, isSilent);
      case "set-clock":
        return host.setClock(by);
      case "set-store-clock":
        return this.#storeClock.step(now, by);
      case "lose":
        return this.#lose(lasts);
    }
  }

  /** Has the store lose one of the sessions that live. */
  #lose(choice: number): void {
    const { truth, schedule, wire } = this;
    const uids = [...truth.moments.keys()].filter((uid) =>
      !truth.lost.has(uid) && !truth.wasOver(uid, schedule.now, schedule.now)
    );
    const uid = uids[Math.floor(choice * uids.length)];
    if (uid === undefined || !wire.lose(uid)) return;
    this.say(`the store loses ${this.nameOf(uid)}`);
    truth.lost.add(uid);
    truth.note(uid, schedule.now, undefined);
    const lives = this.hosts.flatMap(({ life }) => life ?? []);
    const holders = lives.filter(({ sessions }) =>
      [...sessions.keys()].includes(uid)
    );
    this.model.onLost(uid, holders);
  }

  /** Ends a program at once, and starts it again later. */
  #stop(life: Life | undefined, restartAfter: number): void {
    if (!life?.isAlive) return;
    const { host } = life;
    host.life = undefined;
    const { now } = this.schedule;
    life.crashedAt = now;
    host.trouble(now, now);
    host.noteDown(now, now + restartAfter);
    for (const unwatch of life.unwatch) unwatch();
    this.schedule.add(now + restartAfter, () => {
      if (host.life === undefined) this.#start(host);
    });
  }

  /** Closes a program when its requests are answered, and starts it again. */
  #close(life: Life | undefined): void {
    if (life === undefined || life.isClosing) return;
    life.isClosing = true;
    let tries = 0;
    const close = () => {
      if (life.open > 0 && ++tries < 60) {
        return void life.clock.setTimeout(close, 50);
      }
      life.closedAt = life.host.now;
      life.sessions.close().then(() => {
        this.say(`${life.name} has closed`);
        const { isAlive } = life;
        if (!isAlive) return;
        life.host.life = undefined;
        for (const unwatch of life.unwatch) unwatch();
        this.#start(life.host);
      });
    };
    close();
  }

  /** Ends all troubles. */
  #heal(): void {
    this.say("all troubles are over");
    this.#mishaps.isOver = true;
    this.wire.heal();
    for (const host of this.hosts) {
      if (host.life === undefined) this.#start(host);
    }
  }

  /** Whether nothing is left to be done. */
  #isQuiet(): boolean {
    const { moments, acknowledged } = this.truth;
    if (acknowledged.size < moments.size) return false;
    return this.hosts.every(({ life }) => life?.open === 0) &&
      this.asks.every((ask) =>
        ask.step.action !== "listen" || ask.heard.length > 0 ||
        !ask.life.isAlive || !ask.hasRegistered
      ) && this.model.isQuiet;
  }

  #settle(): void {
    for (const host of this.hosts) host.settle();
  }

  get #clientNow(): number {
    return simulated.now();
  }

  #nameOfToken(token: string): string {
    return `${this.nameOf(token.slice(0, 32))}/${
      this.nameOf(token.slice(32)).replace("s", "t")
    }`;
  }
}
