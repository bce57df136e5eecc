import type { Session, SessionEnd } from "../../session.ts";
import type { StoredSession } from "../../stores/store.ts";
import type { Ask, Write } from "./ask.ts";
import type { Host, Life, WallClock } from "./host.ts";
import type { Plan } from "./plan.ts";
import { KEYS } from "./keys.ts";
import { changesOf } from "./record_rules.ts";
import type { Act } from "./themes/act.ts";
import type { Rule } from "./themes/rule.ts";
import { rulesOf } from "./themes/rules.ts";
import { type Status, statusOf, type StoredEnd, type Truth } from "./truth.ts";
import type { StoreCall, Wire } from "./wire.ts";

/** A promise that was broken. */
export interface Violation {
  /** The number of the promise in the design; 0 for what needs no promise. */
  readonly promise: number;
  readonly text: string;
}

/** What the model looks at. */
export interface ModelWorld {
  readonly plan: Plan;
  readonly schedule: { readonly now: number };
  readonly truth: Truth;
  readonly wire: Wire;
  readonly hosts: readonly Host[];
  readonly asks: readonly Ask[];
  nameOf(uid: string): string;
  say(text: string): void;
  wasSet(life: Life, from: number, to: number): boolean;
}

/** A call of a listener of the site, or of a named callback. */
interface Call {
  readonly life: Life;
  readonly at: number;
}

/** An error that a program has reported. */
interface Report {
  readonly uid: string;
  readonly text: string;
  readonly life: Life;
  readonly at: number;
}

/** Milliseconds by which a touch may be counted early, or an end be told late. */
const TOUCH_SLACK = 150;
const LATEST = 2500;

/** Milliseconds by which a clock may be set before a process takes it for set. */
const STEP = 100;

/** Milliseconds within which the loads of two requests may reach the store at once. */
const AT_ONCE = 50;

/** Milliseconds after which a call that is sent twice arrives again, at most. */
const LONGEST_REPETITION = 205;

/** Milliseconds for which a failed call of the store may have others fail. */
const OUTAGE = 5000;

const OPENING: ReadonlySet<Status> = new Set(["current", "previous"]);
const RECOGNIZED: ReadonlySet<Status> = new Set([...OPENING, "superseded"]);

/**
 * What must hold, whatever fails: the promises of the design, each by its number.
 *
 * The model knows the records as the store has had them, the answers that clients
 * were given, and what handlers and listeners saw. It knows nothing of the code.
 */
export class Model {
  readonly violations: Violation[] = [];
  readonly #world: ModelWorld;
  readonly #writes: Write[] = [];
  /** The values that records have had, and the deletions that were made. */
  readonly #written = new Set<string>();
  readonly #deletions = new Set<Write>();
  readonly #told = new Map<string, Call[]>();
  readonly #billed = new Map<string, Call[]>();
  readonly #others = new Map<string, Call[]>();
  readonly #reports: Report[] = [];
  readonly #seen = new Set<string>();
  readonly #deadLetters = new Set<string>();
  /** The programs that a load has told that a session is over, with its uid. */
  readonly #knownOver = new Set<string>();
  /** The programs that have created the last records of lost sessions. */
  readonly #lastWriters = new Map<string, Life>();

  readonly #rules: readonly Rule[];

  constructor(world: ModelWorld) {
    this.#world = world;
    this.#rules = rulesOf({
      world,
      fail: (promise, text) => this.#fail(promise, text),
      isReported: (uid, text) => this.#isReported(uid, text),
      hasReported: (...when) => this.#hasReported(...when),
      judgeOnce: ({ key, uid, life }, what) =>
        this.#judgeCall(
          this.#others,
          key,
          uid,
          { life, at: life.host.now },
          what,
        ),
    });
  }

  /** Judges a new state of a record. */
  onChange(uid: string, call: StoreCall): void {
    const { truth, schedule } = this.#world;
    const moments = truth.moments.get(uid)!;
    const before = moments.at(-2)?.record;
    const after = moments.at(-1)!.record;
    for (const rule of this.#rules) {
      rule.onChange?.(uid, { before, after }, call);
    }
    if (after === undefined) return;
    if (before === undefined) {
      if (truth.lost.has(uid) && !this.#lastWriters.has(uid)) {
        this.#lastWriters.set(uid, call.life);
      }
      // A clock that is set back takes back a deadline that has passed.
      if (
        moments.length > 1 && !truth.lost.has(uid) &&
        !truth.clock.wasSet(0, Infinity)
      ) {
        this.#fail(18, `${this.#name(uid)} is revived`);
      }
      if (moments.length > 1) return;
      for (const [key, value] of after.values) this.#judgeValue(key, value);
      return;
    }
    const now = truth.clock.at(schedule.now);
    const { renewalGrace } = this.#world.plan;
    const grace = renewalGrace * 1000;
    const changes = changesOf(before, after, { call, now, grace });
    for (const { promise, text } of changes) {
      this.#fail(promise, `${this.#name(uid)}: ${text}`);
    }
    if (after.generation > before.generation && call.name === "load") {
      this.#judgePresenting(uid, call);
    }
    for (const key of KEYS) {
      const value = after.values.get(key);
      if (value === before.values.get(key)) continue;
      if (value === undefined) this.#judgeDeletion(uid, key, call.life);
      else this.#judgeValue(key, value, before);
    }
  }

  onWrite(write: Write): void {
    this.#writes.push(write);
    for (const rule of this.#rules) rule.onWrite?.(write);
  }

  onCall(call: StoreCall, answer: unknown): void {
    if (call.name === "load" && answer === undefined) {
      this.#knownOver.add(`${call.life.name} ${call.args[0]}`);
    }
    for (const rule of this.#rules) rule.onCall?.(call, answer);
  }

  /** Whether no rule expects anything more to happen. */
  get isQuiet(): boolean {
    return this.#rules.every((rule) => rule.isQuiet !== false);
  }

  onOpenStream(ask: Ask, at: number): void {
    for (const rule of this.#rules) rule.onOpenStream?.(ask, at);
  }

  onLost(uid: string, holders: readonly Life[]): void {
    for (const rule of this.#rules) rule.onLost?.(uid, holders);
  }

  onAct(act: Act): void {
    for (const rule of this.#rules) rule.onAct?.(act);
  }

  /** Judges what a handler sees of its session. */
  onSight(ask: Ask): void {
    const { truth } = this.#world;
    const { at, uid, principal, values } = ask.sights.at(-1)!;
    const { life, arrivedAt } = ask;
    if (ask.loggedIn !== undefined) return;
    if (ask.tokens.length > 1) return this.#judgeSeveral(ask, uid, at);
    const [token] = ask.tokens;
    if (token === undefined) return;
    const named = token.slice(0, 32);
    const statuses = truth.statusesIn(token, arrivedAt, at);
    const later = this.#knownBy(life, named, at);
    const [first] = truth.recordsIn(named, arrivedAt, at);
    // A late answer does not tell that another process has touched the session, and
    // a deadline is earlier here by the time that the answer took.
    const known = ask.step.isHead
      ? first?.record
      : truth.lastOf(named) ?? first?.record;
    // A process that stood still, or was blocked, reads an answer late. It knows no
    // touch by another process meanwhile.
    const deadlines = life.host.hasStood(arrivedAt, at)
      ? truth.recordsIn(named, arrivedAt, at).map(({ record }) =>
        record?.deadline ?? 0
      )
      : [];
    const deadline = Math.min(known?.deadline ?? 0, ...deadlines);
    // A process learns by the next answer only that the store's clock was set back.
    const isOld = deadline < truth.clock.latestAt(later, arrivedAt);
    if (uid !== named) {
      if (isOld) return;
      const isOpening = [...truth.statusesIn(token, arrivedAt, later)]
        .every((each) => OPENING.has(each));
      const isOther = ask.got !== undefined && ask.got.uid !== named;
      if (
        isOpening && ask.left === undefined && !isOther &&
        // The process knows a later token of the session that the store has lost.
        !truth.isMadeAgain(named) && !this.#isHiddenHere(ask, named, at)
      ) {
        this.#fail(12, `${ask.name} does not see the session of its token`);
      }
      return;
    }
    // A program that ends a lost session writes a record for that first.
    if (
      ![...statuses].some((each) => OPENING.has(each))
    ) {
      const promise = statuses.has("superseded") ? 13 : 5;
      this.#fail(
        promise,
        `${ask.name} sees a session by a token that is ${
          [...statuses].join(" or ")
        }`,
      );
    }
    const endedAt = life.endedAt.get(uid);
    if (endedAt !== undefined && endedAt < at) {
      this.#fail(18, `${ask.name} sees a session that has ended here`);
    }
    const records = truth.recordsIn(uid, arrivedAt, at);
    const principals = records.map(({ record }) => record?.principal);
    if (!principals.includes(principal)) {
      this.#fail(13, `${ask.name} is ${principal}, the session ${principals}`);
    }
    for (const key of KEYS) {
      const value = values.get(key);
      const isStored = records.some(({ record }) =>
        decode(record?.values.get(key)) === value
      );
      if (!isStored && !this.#isWrittenHere(ask, uid, key, value)) {
        this.#fail(
          17,
          `${ask.name} reads "${key}" of ${this.#name(uid)} as ${value}`,
        );
      }
    }
  }

  /** Of several cookies that open different sessions none counts. */
  #judgeSeveral(ask: Ask, uid: string | undefined, at: number): void {
    if (uid === undefined) return;
    const { truth } = this.#world;
    const { arrivedAt, tokens, life } = ask;
    const statusesOf = (
      token: string,
      until: number,
    ) => [...truth.statusesIn(token, arrivedAt, until)];
    const own = tokens.filter((token) => token.startsWith(uid));
    if (own.length === 0) return;
    const isOpened = own.some((token) =>
      statusesOf(token, at).some((each) => OPENING.has(each))
    );
    if (!isOpened) {
      this.#fail(6, `${ask.name} sees a session that no cookie opens`);
    }
    const conflict = tokens.find((token) => {
      const other = token.slice(0, 32);
      // A late answer does not tell that another process has touched the session.
      return other !== uid && !truth.wasOver(other, arrivedAt, at) &&
        !this.#isHiddenHere(ask, other, at) &&
        statusesOf(token, this.#knownBy(life, other, at))
          .every((each) => OPENING.has(each));
    });
    if (conflict !== undefined) {
      this.#fail(6, `${ask.name} sees a session in a conflict of cookies`);
    }
  }

  /** Judges an answer as the server gives it. */
  onAnswered(ask: Ask): void {
    const { truth } = this.#world;
    const { status, left, name, life } = ask;
    const at = ask.answeredAt!;
    const token = ask.tokens.length === 1 ? ask.tokens[0] : undefined;
    const statuses = token === undefined
      ? undefined
      : truth.statusesIn(token, ask.arrivedAt, at);
    this.#judgeCookie(ask, statuses);
    const isRecognized = (until: number) =>
      left !== undefined && token?.startsWith(left.uid) === true &&
      [...truth.statusesIn(token, ask.arrivedAt, until)].every((each) =>
        RECOGNIZED.has(each)
      );
    if (
      left !== undefined && isRecognized(left.at) &&
      !life.endedAt.has(left.uid)
    ) {
      life.endedAt.set(left.uid, left.at);
    }
    if (status === 503) {
      // After close() nothing is given to a request that is still under way (9).
      const isCalm = !this.#hadTrouble(life, ask.arrivedAt - OUTAGE, at) &&
        life.closedAt > at;
      const uids = this.#uidsOf(ask);
      const isSuperseded = this.#hasSeen(ask) &&
        uids.some((uid) => !this.#isOpening(ask, uid, at));
      const isAlone = !uids.some((uid) => this.#hasRefused(ask, uid));
      // A login by a token that is replaced meanwhile may have no place any more.
      const isReplaced =
        ["login", "renew", "remember"].includes(ask.step.action) &&
          ask.tokens.some((each) =>
            truth.statusesIn(each, ask.arrivedAt, at).has("previous")
          ) ||
        this.#world.truth.clock.wasSet(ask.arrivedAt - 10_000, at);
      // A process that is blocked cannot keep the session of a request under way.
      const hasLapsed = uids.some((uid) =>
        truth.wasOver(uid, ask.arrivedAt, at)
      ) && life.host.blocks.some(({ from, to }) =>
        from <= at && to >= ask.arrivedAt
      );
      if (
        isCalm && !isSuperseded && isAlone && !isReplaced && !hasLapsed &&
        ask.step.action !== "endAll"
      ) {
        this.#fail(0, `${name} is answered 503, and nothing has failed`);
      }
    }
    for (const rule of this.#rules) rule.onAnswered?.(ask);
    if (status !== 200) return;
    for (const write of ask.writes) {
      if (!write.isLate) this.#judgeAcknowledged(write);
    }
    if (
      left !== undefined &&
      isRecognized(this.#knownBy(life, left.uid, left.at)) &&
      !this.#isBack(life, left.uid, at) &&
      !truth.wasOver(left.uid, left.at, at)
    ) {
      this.#fail(18, `${name} has logged out, and the session lives on`);
    }
  }

  /** Judges the end of a session that a listener of the site is told. */
  onTold(life: Life, end: SessionEnd): void {
    const { plan, schedule, truth } = this.#world;
    const at = life.host.now;
    const { uid } = end;
    this.#judgeCall(this.#told, uid, uid, { life, at }, `tells ${uid}`);
    for (const rule of this.#rules) rule.onTold?.(life, end);
    const stored = truth.ends.get(uid);
    if (stored === undefined) {
      if (truth.moments.has(uid)) {
        this.#fail(15, `${this.#name(uid)} is told, and lives in the store`);
      }
      return;
    }
    const late = truth.clock.at(schedule.now) - stored.at;
    // Whether any process could tell it at once.
    const since = at - late - plan.endLease * 1000;
    const isPure = truth.clock.wasSet(0, Infinity) === false &&
      plan.rates.slow + plan.rates.lost === 0 &&
      !this.#world.hosts.some((host) =>
        host.hadTrouble(since, at) || host.wasDown(since, at) ||
        host.blocked > 100
      ) && plan.failures === 0;
    const isHeld = this.#world.asks.some((ask) =>
      (ask.got?.uid === uid ||
        ask.tokens.some((token) => token.startsWith(uid))) &&
      (ask.answeredAt === undefined || ask.answeredAt > at - late)
    );
    if (
      isPure && !isHeld && plan.offsets.every((each) => each === 0) &&
      late > LATEST
    ) {
      this.#fail(2, `${this.#name(uid)} is told ${late} ms late`);
    }
  }

  onNamed(life: Life, argument: string, end: SessionEnd): void {
    for (const rule of this.#rules) rule.onBilled?.(life, argument, end);
    const what = `calls bill(${argument})`;
    this.#judgeCall(this.#billed, argument, end.uid, {
      life,
      at: life.host.now,
    }, what);
  }

  onError(life: Life, error: unknown, session: Session | undefined): void {
    const text = error instanceof Error ? error.message : String(error);
    const uid = session?.uid ?? /[\da-f]{32}/.exec(text)?.[0] ?? "";
    this.#reports.push({ uid, text, life, at: life.host.now });
    if (text.includes("dead letter")) this.#deadLetters.add(uid);
    if (error instanceof TypeError || error instanceof ReferenceError) {
      this.#fail(0, `${error.stack}`);
    }
  }

  /** Judges what must have happened by the end. */
  finish(): void {
    const { asks, truth } = this.#world;
    for (const [uid] of truth.moments) {
      const end = truth.ends.get(uid);
      // The rule of lost sessions judges those that no program has told.
      if (truth.lost.has(uid) && end === undefined) continue;
      if (end === undefined) this.#fail(15, `${this.#name(uid)} never ends`);
      else if (!truth.lost.has(uid)) this.#judgeTimes(uid, end);
      if (this.#deadLetters.has(uid)) continue;
      if (!this.#told.has(uid)) {
        this.#fail(15, `the end of ${this.#name(uid)} is lost`);
      }
      if (!truth.acknowledged.has(uid)) {
        this.#fail(15, `the end of ${this.#name(uid)} stays in the store`);
      }
    }
    for (const ask of asks) this.#judgeRegistration(ask);
    for (const rule of this.#rules) rule.finish?.();
  }

  /** A token may not take effect if the cookies of its request conflict. */
  #judgePresenting(uid: string, { args, life }: StoreCall): void {
    const { tokenHash } = args[1] as { tokenHash: string };
    const { truth, schedule, asks } = this.#world;
    const senders = asks.filter((ask) =>
      ask.life === life && ask.answeredAt === undefined &&
      ask.tokens.some((token) => truth.hashOf(token) === tokenHash)
    );
    const conflict = senders.length > 0 && senders.every((ask) => {
      const { tokens } = ask;
      const opened = tokens.filter((token) => {
        const named = token.slice(0, 32);
        const record = truth.lastOf(named);
        const now = truth.clock.at(schedule.now);
        // A logout or a login of the same program counts before it is written.
        const isHidden = named !== uid &&
          this.#isHiddenHere(ask, named, life.host.now);
        return !isHidden &&
          OPENING.has(statusOf(record, truth.hashOf(token), now));
      });
      return new Set(opened.map((token) => token.slice(0, 32))).size > 1;
    });
    if (conflict) {
      this.#fail(6, `a token of ${this.#name(uid)} takes effect in a conflict`);
    }
  }

  /** Each value is written once: one that comes back undoes a later write. */
  #judgeValue(key: string, text: string, before?: StoredSession): void {
    const value = decode(text)!;
    if (this.#written.has(value)) {
      return this.#fail(17, `"${key}" is ${value} again`);
    }
    this.#written.add(value);
    const write = this.#writes.find((each) => each.value === value);
    if (write === undefined) return;
    const { ask } = write;
    // A session whose creation failed is created once more for its end.
    // A store whose clock is set back makes writes that it should refuse.
    const { now } = this.#world.schedule;
    const isEarly = this.#world.truth.clock.wasSet(write.at - OUTAGE, now);
    if (
      ask.status === 503 && !write.isLate && before !== undefined && !isEarly
    ) {
      this.#fail(17, `${value} is written though it was answered 503`);
    }
    const [token] = ask.tokens;
    const { truth } = this.#world;
    if (
      before === undefined || ask.loggedIn !== undefined || write.isLate ||
      ask.tokens.length !== 1 || token!.slice(0, 32) !== before.uid
    ) return;
    const hash = truth.hashOf(token!);
    const status = statusOf(before, hash, -Infinity);
    // Requests of one process share values: a current one may have written it.
    const isWrittenByOther = this.#othersOf(ask, before.uid).some((other) =>
      (other.answeredAt ?? Infinity) >= write.at && this.#hasSeen(other) &&
      (other.loggedIn?.uid === before.uid || other.got?.uid !== before.uid ||
        other.tokens.every((token) => !token.startsWith(before.uid)) ||
        other.tokens.some((token) =>
          OPENING.has(statusOf(before, truth.hashOf(token), -Infinity))
        ))
    );
    if (status === "superseded" && !isWrittenByOther) {
      this.#fail(13, `${value} is written by a superseded token`);
    }
  }

  /** Whether a request was given a session, and may have changed it. */
  #hasSeen(ask: Ask): boolean {
    return ask.got !== undefined || ask.left !== undefined ||
      ask.sights.some(({ uid }) => uid !== undefined);
  }

  /** Returns the uids of the sessions that a request used, or may have used. */
  #uidsOf({ got, sights, tokens }: Ask): string[] {
    const seen = [got, ...sights].flatMap((each) => each?.uid ?? []);
    if (seen.length > 0) return [...new Set(seen)];
    return tokens.map((token) => token.slice(0, 32));
  }

  /** Whether a token of a request opened a session all the time, or it is new. */
  #isOpening(ask: Ask, uid: string, at: number): boolean {
    const { truth } = this.#world;
    const tokens = ask.tokens.filter((token) => token.startsWith(uid));
    // A login of the same process counts before it is written.
    const isReplaced = this.#othersOf(ask, uid).some(({ loggedIn }) =>
      loggedIn?.uid === uid && loggedIn.at <= at
    );
    return tokens.length === 0 ||
      !isReplaced &&
        tokens.some((token) =>
          [...truth.statusesIn(token, ask.arrivedAt, at)]
            .every((each) => OPENING.has(each))
        );
  }

  /** Returns the other requests of the same process that use a session meanwhile. */
  #othersOf(ask: Ask, uid: string): Ask[] {
    const to = ask.answeredAt ?? Infinity;
    return this.#world.asks.filter((other) =>
      other !== ask && other.life === ask.life && other.arrivedAt <= to &&
      (other.answeredAt ?? Infinity) >= ask.arrivedAt &&
      (other.got?.uid === uid ||
        other.tokens.some((token) => token.startsWith(uid)))
    );
  }

  /**
   * Whether one of them was given the session, and is superseded, or was answered
   * 503 and so judged before. A process cannot tell which request has made a change
   * of a session that they share. What one of them may not write is not written for
   * the others either (promises 13 and 17), and they are answered 503.
   */
  #hasRefused(ask: Ask, uid: string): boolean {
    const at = ask.answeredAt!;
    return this.#othersOf(ask, uid).some((other) =>
      this.#hasSeen(other) &&
      (!this.#isOpening(other, uid, at) ||
        other.status === 503 && other.answeredAt! <= at)
    );
  }

  #judgeDeletion(uid: string, key: string, life: Life): void {
    const { now } = this.#world.schedule;
    const deletion = this.#writes.find((write) =>
      write.value === undefined && write.uid === uid && write.key === key &&
      write.ask.life === life &&
      write.at <= now && !this.#deletions.has(write) &&
      (write.ask.answeredAt ?? Infinity) >= now
    );
    // A store whose clock is set back makes writes that it should refuse.
    if (deletion === undefined) {
      if (this.#world.truth.clock.wasSet(now - OUTAGE, now)) return;
      this.#fail(17, `"${key}" of ${this.#name(uid)} is deleted once more`);
    } else this.#deletions.add(deletion);
  }

  /** An acknowledged write is in the store, or a later one of its process is. */
  #judgeAcknowledged(write: Write): void {
    const { truth } = this.#world;
    const { ask, uid, key, value, at } = write;
    const to = ask.answeredAt!;
    const later = this.#writes.some((each) =>
      each !== write && each.uid === uid && each.key === key &&
      each.ask.life === ask.life && each.at >= at && each.at <= to &&
      (each.value === undefined || this.#written.has(each.value))
    );
    const records = truth.recordsIn(uid, at, to);
    const isThere = records.some(({ record }) =>
      decode(record?.values.get(key)) === value
    );
    if (isThere || later || truth.wasOver(uid, at, to)) return;
    this.#fail(17, `${ask.name} is acknowledged, and "${key}" is not written`);
  }

  #judgeCookie(ask: Ask, statuses: ReadonlySet<Status> | undefined): void {
    const { truth } = this.#world;
    const { cookie, name, got } = ask;
    if (cookie === undefined) return;
    if (cookie === "") {
      const hasEnded = ask.left !== undefined || ask.step.action === "endAll";
      if (!hasEnded || ask.tokens.length === 0) {
        this.#fail(5, `${name} clears the cookie, and has not logged out`);
      }
      if (ask.status !== 200) this.#fail(18, `${name} fails, and clears it`);
      return;
    }
    const at = ask.answeredAt!;
    const uid = cookie.slice(0, 32);
    const isNew = uid !== ask.tokens[0]?.slice(0, 32);
    // A cookie that the browser keeps is sent again when it must be kept longer.
    const isKeptLonger = ask.cookieAge !== undefined &&
      ask.tokens.includes(cookie);
    if (this.#seen.has(cookie) && !isKeptLonger) {
      this.#fail(13, `${name} sends a token twice`);
    }
    this.#seen.add(cookie);
    if (got === undefined) this.#fail(12, `${name} sends a cookie unasked`);
    const sent = truth.statusesIn(cookie, ask.arrivedAt, at);
    const hasStood = ask.life.host.hadTrouble(ask.arrivedAt, at);
    if (!hasStood && ![...sent].some((each) => OPENING.has(each))) {
      this.#fail(12, `${name} sends a token that opens nothing`);
    }
    if (
      isNew && statuses !== undefined && ask.loggedIn === undefined &&
      ask.left === undefined && !ask.hasRenewed &&
      [
        ...truth.statusesIn(
          ask.tokens[0]!,
          ask.arrivedAt,
          this.#knownBy(ask.life, ask.tokens[0]!.slice(0, 32), got!.at),
        ),
      ].every((each) => RECOGNIZED.has(each)) &&
      !this.#isHiddenHere(ask, ask.tokens[0]!.slice(0, 32), at)
    ) {
      this.#fail(5, `${name} replaces the cookie of a session that lives`);
    }
  }

  /** A callback is called twice only if its first caller was in trouble. */
  #judgeCall(
    calls: Map<string, Call[]>,
    key: string,
    uid: string,
    call: Call,
    what: string,
  ): void {
    const before = calls.get(key);
    if (before === undefined) return void calls.set(key, [call]);
    const { plan, wire, truth } = this.#world;
    const lease = plan.endLease * 1000;
    const from = before.at(-1)!.at - lease;
    const { life } = before.at(-1)!;
    const isExcused = life.host.hadTrouble(from, call.at) ||
      wire.losses.some((loss) =>
        loss.life === life && loss.at >= from && loss.at <= call.at &&
        (loss.uid === uid || loss.uid === "")
      ) || this.#wasLateFor(life, uid, { from, to: call.at }) ||
      // A process that closes while presence waits for the store gives the end back.
      plan.awayAfter !== undefined && life.closedAt <= call.at &&
        this.#hadTrouble(life, from, call.at) ||
      truth.clock.wasSet(from, call.at) ||
      call.life.host.sleeps.some((sleep) =>
        sleep.to >= from && sleep.from <= call.at
      );
    before.push(call);
    if (!isExcused) {
      this.#fail(
        15,
        `${call.life.name} ${what} after ${life.name}`.replace(
          uid,
          this.#name(uid),
        ),
      );
    }
  }

  /**
   * Whether the claim of an end, its renewals and their answers were on their way
   * for half of a lease: a lease is renewed after a third of it, and no process can
   * hold a lease whose renewal does not reach the store.
   */
  #wasLateFor(
    life: Life,
    uid: string,
    { from, to }: { readonly from: number; readonly to: number },
  ): boolean {
    const { plan, wire } = this.#world;
    const delays = wire.delays.filter((delay) =>
      delay.life === life && delay.at >= from && delay.at <= to
    );
    const longest = (lasts: readonly number[]) => Math.max(0, ...lasts);
    const ofUid = delays.filter((delay) => delay.uid === uid);
    const ofClaims = delays.filter((delay) => delay.uid === "");
    const sum = ofUid.reduce((sum, { lasts }) => sum + lasts, 0) +
      longest(ofClaims.map(({ lasts }) => lasts));
    return sum >= plan.endLease * 500;
  }

  /** An end is never early, and only requests that see a session prolong it. */
  #judgeTimes(uid: string, end: StoredEnd): void {
    const { plan, asks, truth, wire } = this.#world;
    const clock: WallClock = truth.clock;
    const names = asks.filter((ask) =>
      ask.arrivedAt <= end.claimedAt &&
      (ask.got?.uid === uid ||
        ask.tokens.some((token) => token.startsWith(uid)))
    );
    const from = Math.min(...names.map(({ arrivedAt }) => arrivedAt));
    if (end.reason !== "idle" || clock.wasSet(from, end.claimedAt)) return;
    // Requests may change the timeout; a session may be over by its new one.
    const timeoutsSince = (time: number) => [
      ...truth.recordsIn(uid, time, end.claimedAt).flatMap(({ record }) =>
        record?.sessionTimeout ?? []
      ),
      ...names.flatMap(({ timeout, answeredAt = Infinity }) =>
        answeredAt >= time ? timeout ?? [] : []
      ),
    ];
    const shortest = Math.min(...timeoutsSince(0));
    let latest = 0;
    for (const ask of names) {
      if (ask.step.isHead && ask.loggedIn === undefined) continue;
      // A look takes back the touch of its load before it is answered, but not if a
      // load of another program overlaps it, or one that the client has sent twice, or
      // one of the same millisecond: a record does not tell two such touches apart.
      const to = ask.answeredAt ?? Infinity;
      // The changes of a handler that throws may be dropped, and reported.
      const isWhole = ask.status === 200 || ask.hasThrown && to < Infinity &&
          !this.#hasReported(ask.life, ask.arrivedAt, to);
      const isLook = ask.got === undefined && isWhole &&
        plan.rates.doubled === 0 && !names.some((other) =>
          other !== ask && (other.life !== ask.life ||
            Math.abs(other.arrivedAt - ask.arrivedAt) < AT_ONCE) &&
          other.arrivedAt <= ask.answeredAt! &&
          (other.answeredAt ?? Infinity) >= ask.arrivedAt
        );
      if (isLook && ask.answeredAt! < latest + shortest - TOUCH_SLACK) {
        continue;
      }
      const until = Math.min(this.#accessUntil(ask, uid), end.claimedAt);
      latest = Math.max(latest, until);
      const isVisit = ask.got?.uid === uid && isWhole;
      const timeout = Math.min(...timeoutsSince(ask.arrivedAt));
      const drift = plan.drifts.every((rate) =>
          rate === 1
        )
        ? 1
        : 1 + (ask.answeredAt! - ask.arrivedAt + timeout) * 0.004;
      // A clock that was set by little in all cannot be told from one that drifts.
      const step = ask.life.host.wall.wasSet(ask.arrivedAt, ask.answeredAt!)
        ? STEP
        : 0;
      const isLeft = asks.some(({ life }) => life.endedAt.has(uid));
      if (
        isVisit && !isLeft &&
        clock.at(ask.arrivedAt) + timeout - drift - step > end.at
      ) {
        if (end.at > clock.at(ask.answeredAt!)) {
          this.#fail(2, `${this.#name(uid)} ends early, after ${ask.name}`);
        }
      }
    }
    // A touch that is long on its way counts when it arrives.
    const delays = wire.delays.filter((delay) => delay.uid === uid)
      .map(({ lasts }) => lasts);
    // The monotonic clock of a machine stands still in a sleep. The process takes the
    // sleep for a clock that was set forward, and counts its later writes as younger.
    // So a session may end late by the sleep, but not early.
    const slept = this.#world.hosts.flatMap(({ sleeps }) => sleeps)
      .filter((sleep) => sleep.to >= from && sleep.from <= end.claimedAt)
      .reduce((sum, sleep) => sum + sleep.to - sleep.from, 0);
    const slack = TOUCH_SLACK + slept + Math.max(0, ...delays) +
      (plan.rates.doubled > 0 ? LONGEST_REPETITION : 0);
    const longest = Math.max(shortest, ...timeoutsSince(latest));
    if (end.at > clock.at(latest) + longest + slack) {
      this.#fail(
        2,
        `${this.#name(uid)} ends ${
          end.at - clock.at(latest) - longest
        } ms after its last access could have ended it`,
      );
    }
  }

  /** Returns until when a request may have prolonged a session. */
  #accessUntil(ask: Ask, uid: string): number {
    const { truth } = this.#world;
    const hashes = ask.tokens.filter((each) => each.startsWith(uid))
      .map((token) => truth.hashOf(token));
    const answeredAt = ask.answeredAt ?? Infinity;
    if (ask.loggedIn !== undefined || ask.hasRenewed) return answeredAt;
    // The request of a client that has left touches its session when it gets it, and
    // does not hold it. It touches the session again at the answer if another program
    // has touched it in the same millisecond.
    const isAgain = this.#world.asks.some((other) =>
      other.life !== ask.life &&
      Math.abs(other.arrivedAt - ask.arrivedAt) < AT_ONCE &&
      other.tokens.some((token) => token.startsWith(uid))
    );
    const touchedAt = isAgain ? answeredAt : ask.got?.at ?? -Infinity;
    const until = Math.min(answeredAt, Math.max(ask.leftAt, touchedAt));
    if (hashes.length === 0) return until;
    // A process that cannot reach the store knows of no login elsewhere.
    if (this.#hadTrouble(ask.life, ask.arrivedAt, until)) return until;
    const moments = truth.moments.get(uid)!;
    const isCut = moments.find(({ at, record }) =>
      at >= ask.arrivedAt &&
      hashes.every((hash) => statusOf(record, hash, -Infinity) === "superseded")
    );
    return Math.min(until, isCut?.at ?? Infinity);
  }

  /** A session's own listeners are called in each process soon after its end. */
  #judgeHeard({ name, life, listensFrom }: Ask, uid: string, at: number): void {
    const { truth, plan } = this.#world;
    const end = truth.ends.get(uid);
    if (end === undefined || truth.lost.has(uid)) return;
    const from = Math.max(end.claimedAt, listensFrom);
    const isCalm = plan.rates.slow + plan.rates.lost === 0 &&
      !life.host.hasStood(from - OUTAGE, at);
    if (isCalm && at > from + LATEST) {
      this.#fail(15, `${name} hears the end ${at - from} ms late`);
    }
  }

  #judgeRegistration(ask: Ask): void {
    const { truth } = this.#world;
    const uid = ask.got?.uid;
    if (!ask.hasRegistered || uid === undefined) return;
    if (!truth.moments.has(uid)) return;
    if (ask.step.action === "listen") {
      const [heardAt] = ask.heard;
      if (ask.heard.length > 1) {
        this.#fail(15, `${ask.name} hears the end twice`);
      }
      if (heardAt !== undefined) this.#judgeHeard(ask, uid, heardAt);
      else if (ask.life.isAlive && (ask.status === 200 || ask.hasThrown)) {
        this.#fail(15, `${ask.name} never hears the end`);
      }
      return;
    }
    const isCalled = this.#billed.has(ask.name);
    // The end has the callbacks of the program that wrote the last record.
    if (truth.lost.has(uid) && this.#lastWriters.get(uid) !== ask.life) return;
    if (truth.isMadeAgain(uid)) return;
    const isReported = this.#isReported(uid, "bill");
    if (ask.status === 200 && !isCalled && !isReported) {
      this.#fail(16, `the callback of ${ask.name} is lost`);
    }
  }

  #hasReported(life: Life, from: number, to: number): boolean {
    return this.#reports.some((one) =>
      one.life === life && one.at >= from && one.at <= to
    );
  }

  #isReported(uid: string, part: string): boolean {
    return this.#deadLetters.has(uid) ||
      this.#reports.some(({ uid: of, text }) =>
        (of === uid || text.includes(uid)) && text.includes(part)
      );
  }

  /** Whether a session that has ended in a process is back in the store. */
  #isBack({ name }: Life, uid: string, at: number): boolean {
    return this.#knownOver.has(`${name} ${uid}`) &&
      this.#world.truth.clock.wasSet(0, at);
  }

  /** Whether this process may know of an end or a login that is not written. */
  #isHiddenHere(ask: Ask, uid: string, at: number): boolean {
    const { asks, truth } = this.#world;
    const { life, arrivedAt } = ask;
    const principals = truth.recordsIn(uid, arrivedAt, at)
      .map(({ record }) => record?.principal);
    // A store whose clock is set back has a session again that has ended here (18).
    if (this.#isBack(life, uid, at)) return true;
    return asks.some((other) =>
      this.#isOverBy(other, uid, ask, at) ||
      // A login may have ended it, and its end is not written.
      this.#world.plan.limit !== undefined && other.life === life &&
        other.loggedIn !== undefined && other.loggedIn.at <= at &&
        ((other.answeredAt ?? Infinity) >= arrivedAt ||
          this.#isEvictionDue(other, uid, at)) ||
      other.life === life &&
        (other.left !== undefined && other.left.at <= at &&
            (other.left.uid === uid ||
              other.tokens.some((token) => token.startsWith(uid))) ||
          other.loggedIn !== undefined && other.loggedIn.at <= at &&
            ((other.answeredAt ?? Infinity) >= arrivedAt ||
              other.loggedIn.uid !== uid) &&
            other.tokens.some((token) => token.startsWith(uid))) ||
      // An end that could not be written is tried again, and holds here.
      other.step.action === "endAll" && other.life.isAlive &&
        other.arrivedAt <= at &&
        (other.status === 503 ||
          (other.answeredAt ?? Infinity) >= arrivedAt) &&
        other.sights.some(({ principal }) =>
          principal !== undefined &&
          principals.includes(principal)
        )
    );
  }

  /**
   * Whether a session is over by an absolute timeout that another request of the
   * process has set, and that is not written: requests of one process share it.
   */
  #isOverBy(other: Ask, uid: string, ask: Ask, at: number): boolean {
    const { absolute, got, answeredAt = Infinity } = other;
    if (absolute === undefined || other === ask) return false;
    if (other.life !== ask.life || got?.uid !== uid) return false;
    if (got.at > at || answeredAt + AT_ONCE < ask.arrivedAt) return false;
    const { truth } = this.#world;
    const now = truth.clock.latestAt(at, ask.arrivedAt);
    return truth.recordsIn(uid, ask.arrivedAt, at).some(({ record }) =>
      record !== undefined &&
      (record.authenticatedAt ?? record.createdAt) + absolute <=
        now + TOUCH_SLACK
    );
  }

  /**
   * Whether a login in this process may have ended a session beyond the limit, and
   * the store did not answer to that end yet. The session is not revived in the
   * process that goes on trying to write it (promise 18).
   */
  #isEvictionDue(
    { life, loggedIn, step }: Ask,
    uid: string,
    at: number,
  ): boolean {
    const { plan, wire, truth } = this.#world;
    if (plan.limit === undefined || loggedIn === undefined) return false;
    const from = loggedIn.at;
    const isOfPrincipal = truth.recordsIn(uid, from, at).some(({ record }) =>
      record?.principal === step.principal
    );
    return isOfPrincipal &&
      (this.#hadTrouble(life, from, at) ||
        wire.delays.some((delay) =>
          delay.life === life && delay.uid === uid && delay.at <= at &&
          delay.at + delay.lasts >= from
        ));
  }

  /** Whether a request of the same process may have set a value just now. */
  #isWrittenHere(
    ask: Ask,
    uid: string,
    key: string,
    value: unknown,
  ): boolean {
    return this.#writes.some((write) =>
      write.uid === uid && write.key === key && write.value === value &&
      write.ask.life === ask.life &&
      (write.isLate || (write.ask.answeredAt ?? Infinity) >= ask.arrivedAt)
    );
  }

  /**
   * Returns a time by which a session that a process takes for over is over: its
   * deadlines are early by as much as a call and its answer were on their way.
   */
  #knownBy(life: Life, uid: string, at: number): number {
    const lasts = this.#world.wire.delays.filter((delay) =>
      delay.life === life && delay.uid === uid && delay.at <= at
    ).map(({ lasts }) => lasts).sort((one, other) => other - one);
    const [there = 0, back = 0] = lasts;
    return at + TOUCH_SLACK + there + back;
  }

  /** Whether a process could not reach its store, or stood still. */
  #hadTrouble(life: Life, from: number, to: number): boolean {
    const { losses, delays } = this.#world.wire;
    return life.host.hadTrouble(from, to) ||
      [...losses, ...delays].some((each) =>
        each.life === life && each.at >= from && each.at <= to
      );
  }

  #name(uid: string): string {
    return this.#world.nameOf(uid);
  }

  #fail(promise: number, text: string): void {
    this.violations.push({ promise, text });
    this.#world.say(`VIOLATION of promise ${promise}: ${text}`);
  }
}

/** Decodes a value of a record; the values here are texts. */
function decode(text: string | undefined): string | undefined {
  return text === undefined ? undefined : JSON.parse(text.slice(1));
}
