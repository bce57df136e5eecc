import { idOfCallback } from "./callback_changes.ts";
import type { Clock } from "../base/clock.ts";
import {
  attempt,
  isPromiseLike,
  type MaybePromise,
  settleAll,
} from "../base/promises.ts";
import { randomId } from "../base/ids.ts";
import type { BackendVisit, Lookup } from "../registry/session_backend.ts";
import {
  type StoredEndCounts,
  sumOfCounts,
} from "../registry/session_backend.ts";
import { storeTimeoutOf } from "../registry/option_rules.ts";
import type { NamedWarnings } from "../registry/named_warnings.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import {
  provideStoreBackend,
  type StoreBackend,
} from "../registry/backends.ts";
import type { Session, SessionChange, SessionEnd } from "../session.ts";
import type { ChangeNotification, SessionStore } from "../stores/store.ts";
import { Turns } from "../timing/turns.ts";
import { EndClaims } from "./end_claims.ts";
import { LoginLimit } from "./login_limit.ts";
import { RecentEnds } from "./recent_ends.ts";
import { LoadsUnderWay } from "./loads_under_way.ts";
import { ProcessRecords } from "./process_records.ts";
import { RecordLoader } from "./record_loader.ts";
import { RecordLoads } from "./record_loads.ts";
import { followClock } from "./record_touches.ts";
import { RecordWriter } from "./record_writer.ts";
import { hashOfSecret } from "./secret_hash.ts";
import { SessionRefreshes } from "./session_refreshes.ts";
import { StoreBreaker } from "./store_breaker.ts";
import { SessionList } from "./session_list.ts";
import { PostponedWarnings } from "./postponed_warnings.ts";
import { newUid, StoreHealth } from "./store_health.ts";
import { PerPart } from "./store_parts.ts";
import { HoldParts } from "../registry/later_code.ts";
import { StoredHolds } from "./stored_holds.ts";
import { StoredValues } from "./stored_values.ts";
import { VisitWrites } from "./visit_writes.ts";
import { VisitsUnderWay } from "./visits_under_way.ts";

/**
 * Sessions in a store that other processes may share.
 *
 * The record of a session is loaded before its request is answered, and changes
 * are written before the response leaves. Ends are claimed in the store before
 * they are delivered. Only the store decides whether a session has expired.
 */
export class StoredBackend implements StoreBackend {
  readonly isStored = true;
  readonly mustLoad = true;
  readonly keyOf: (secret: string) => string = hashOfSecret;
  readonly values: StoredValues;
  readonly directory: SessionList;
  readonly #registry: SessionRegistry;
  readonly #clock: Clock;
  readonly #health: StoreHealth;
  readonly #breakers: PerPart<StoreBreaker>;
  readonly #loader: RecordLoader;
  readonly #writer: RecordWriter;
  readonly #claims: PerPart<EndClaims>;
  readonly #loads: RecordLoads;
  readonly #visitWrites: VisitWrites;
  readonly #visits = new VisitsUnderWay();
  readonly #warnings: NamedWarnings;
  readonly #postponed: PostponedWarnings;
  readonly #refreshes: SessionRefreshes;
  readonly #timeout: number;
  readonly #processes: ProcessRecords;
  #startTimer: unknown;
  #ready: Promise<void> | undefined = undefined;
  #isStopped = false;
  #lastWrites: Promise<void> | undefined = undefined;

  constructor(registry: SessionRegistry, store: SessionStore) {
    const { clock, site, options } = registry;
    const { endLease = 10 } = options;
    const timeout = this.#timeout = storeTimeoutOf(options) * 1000;
    this.#registry = registry;
    this.#clock = clock;
    const health = this.#health = new StoreHealth(site, store);
    const breakers = this.#breakers = new PerPart(
      store,
      ({ name }, index) =>
        new StoreBreaker(site, timeout, {
          part: name,
          onFailure: () => this.#claims.all[index]?.poll(),
        }),
    );
    const loader = this.#loader = new RecordLoader(registry);
    const ended = new RecentEnds(clock);
    const visits = this.#visits;
    const loads = new LoadsUnderWay();
    const shared = { store, health, breakers, loader, loads, ended, visits };
    const writer = this.#writer = new RecordWriter(registry, {
      ...shared,
      timeout,
      onAlive: (session) => this.#claimsOf(session).checks.confirm(session),
      onOver: (session) => this.#claimsOf(session).requestCheck(session),
      check: (session) => this.#claimsOf(session).check(session),
      onCallbacks: (session, added) =>
        this.#warnings.noteWritten(session, added),
    });
    const ends = {
      ...shared,
      writer,
      claimant: { owner: randomId(), lease: endLease * 1000 },
      turns: new Turns(clock),
      quietTurns: new Turns(clock),
      onChange: (one: ChangeNotification) => {
        loads.noteChange(one);
        this.#refreshes.note(one);
        this.#processes.note(one);
      },
      onRound: () => this.#refreshes.sweep(),
    };
    const claims = this.#claims = new PerPart(
      store,
      (part, index) =>
        new EndClaims(registry, {
          ...ends,
          part,
          breaker: breakers.all[index]!,
        }),
    );
    const reload = (session: Session) => this.values.reload(session);
    const refreshes = this.#refreshes = new SessionRefreshes(registry, {
      ...shared,
      reload,
    });
    const parts = { ...shared, writer, claims, refreshes };
    this.#loads = new RecordLoads(registry, parts);
    const limit = new LoginLimit(registry, parts);
    const holds = new StoredHolds(clock, parts);
    const holdParts = new HoldParts(registry, holds);
    registry.later.provide(holdParts);
    const warnings = this.#warnings = holdParts.warnings;
    const rest = { ...parts, limit, warnings, reload };
    const postponed = this.#postponed = new PostponedWarnings(registry, rest);
    this.#visitWrites = new VisitWrites(registry, { ...rest, postponed });
    this.values = new StoredValues(registry, parts);
    const processes = this.#processes = new ProcessRecords({
      clock,
      holds,
      report: (error) => site.reportError(error, {}),
    });
    this.directory = new SessionList(clock, { ...parts, processes });
    // The program registers its callbacks in this turn; claims begin after it.
    this.#startTimer = clock.setTimeout(() => {
      this.start().catch(() => {});
    }, 0);
  }

  /** Counts of the claimed ends. */
  get endCounts(): StoredEndCounts {
    return sumOfCounts(this.#claims.all.map(({ counts }) => counts));
  }

  start(): Promise<void> {
    return this.#ready ??= this.#start();
  }

  load(lookups: readonly Lookup[]): MaybePromise<void> {
    if (this.#ready === undefined) this.start().catch(() => {});
    return this.#loads.load(lookups);
  }

  find(uid: string): MaybePromise<Session | undefined> {
    return this.#loads.find(uid);
  }

  idOfCallback(key: string): string {
    return idOfCallback({ key });
  }

  hasCallback(session: Session, id: string): boolean {
    return this.#writer.notes.hasCallback(session, id);
  }

  newUid(): string {
    return newUid(this.#health, this.#breakers);
  }

  created(session: Session): void {
    this.#loader.track(session);
    this.#writer.notes.noteNew(session);
  }

  changed(session: Session, change: SessionChange): void {
    this.#writer.notes.note(session, change);
  }

  mayExpire(session: Session): boolean {
    if (!this.#writer.isInStore(session)) return true;
    if (followClock(session, this.#loader)) {
      // The other times of the session are read again.
      this.values.reload(session).catch(() => {});
    } else this.#claimsOf(session).requestCheck(session);
    return false;
  }

  hasRecord(session: Session): boolean {
    return this.#loader.states.get(session)?.isCreated === true;
  }

  deliver(end: SessionEnd): void {
    this.#claims.of(end.uid).deliver(end);
    // At a deadline no request holds the session.
    if (end.lateness !== undefined) return;
    for (const other of this.#visits.end(end)) {
      // The end is written without the callbacks of these objects.
      this.#writer.left.callCallbacks(other);
      this.#writer.left.dropValues(other);
    }
  }

  /** Extends the deadline in the store while a request is under way. */
  hold(visit: BackendVisit): () => void {
    return this.#visits.add(visit, this.#clock, {
      extend: (session, within, isWanted) =>
        this.#writer.extend(session, within, isWanted),
      wait: (pause) => this.#postponed.expect(visit, pause),
    });
  }

  flush(visit: BackendVisit): MaybePromise<void> {
    const done = () => this.#visits.remove(visit);
    const flushing = attempt(() => this.#visitWrites.flush(visit));
    if (flushing instanceof Promise) return flushing.finally(done);
    done();
  }

  evict(session: Session): boolean {
    this.#claimsOf(session).checks.confirm(session);
    if (this.#loader.states.get(session)?.isCreated !== true) return false;
    this.#writer.detach(session);
    this.#writer.saveSoon(session);
    return true;
  }

  halt(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#clock.clearTimeout(this.#startTimer);
    this.#health.stop();
    this.#refreshes.stop();
    this.#lastWrites = this.#settle([
      this.#writer.halt(),
      this.#processes.close(),
      this.#warnings.whenAllBegun(),
      ...this.#claims.all.map((claims) => claims.halt()),
    ]);
    // The ends that are written last are delivered, too.
    this.#registry.calls.track(this.#lastWrites, undefined);
  }

  async close(): Promise<void> {
    this.halt();
    await this.#lastWrites;
    await Promise.all(this.#claims.all.map((claims) => claims.stop()));
    // Callbacks and requests may have changed sessions while the last ones ran.
    await this.#settle([this.#writer.halt()]);
    for (const breaker of this.#breakers.all) breaker.close();
  }

  /** Waits for the last writes, and reports the error of one that fails. */
  #settle(writes: readonly Promise<unknown>[]): Promise<void> {
    return settleAll(writes).then(
      () => {},
      (error) => this.#registry.site.reportError(error, {}),
    );
  }

  async #start(): Promise<void> {
    const begin = () => this.#claims.all.forEach((claims) => claims.begin());
    try {
      const checking = this.#health.run();
      if (isPromiseLike(checking)) {
        // Claims of ends do not wait for a slow answer.
        this.#startTimer = this.#clock.setTimeout(begin, this.#timeout);
        await checking;
      }
      begin();
    } finally {
      this.#clock.clearTimeout(this.#startTimer);
    }
  }

  #claimsOf({ uid }: Session): EndClaims {
    return this.#claims.of(uid);
  }
}

provideStoreBackend((registry, store) => new StoredBackend(registry, store));
