import { randomId } from "../base/ids.ts";
import { type MaybePromise, proceed } from "../base/promises.ts";
import { loadLaterCode } from "./later_parts.ts";
import type {
  ListSessionsOptions,
  SessionBackend,
  SessionDirectory,
  SessionInfo,
  StoredEndCounts,
} from "./session_backend.ts";
import type { SessionRegistry } from "./session_registry.ts";
import type {
  EndSessionsOptions,
  Session,
  SessionChange,
  SessionEnd,
  SessionEndReason,
  SessionOwner,
} from "../session.ts";
import type { NamedCallback } from "../session/named_callback.ts";
import type { SessionStore } from "../stores/store.ts";

/** Sessions in the memory of this process. They end with it. */
export class LocalBackend implements SessionBackend, SessionDirectory {
  readonly isStored = false;
  mustLoad = false;
  readonly values: undefined = undefined;
  readonly #registry: SessionRegistry;
  readonly #named: LocalCallbacks;
  /** Code that is being loaded. */
  #loading: Promise<void> | undefined = undefined;

  constructor(registry: SessionRegistry) {
    this.#registry = registry;
    this.#named = new LocalCallbacks(registry);
  }

  get directory(): SessionDirectory {
    return this;
  }

  keyOf(secret: string): string {
    return secret;
  }

  load(): Promise<void> | undefined {
    return this.#loading;
  }

  waitFor(promise: Promise<unknown>): void {
    const loading = Promise.all([this.#loading, promise]).then(() => {
      if (this.#loading !== loading) return;
      this.#loading = undefined;
      this.mustLoad = false;
    });
    this.#loading = loading;
    this.mustLoad = true;
  }

  newUid(): string {
    return randomId();
  }

  created(): void {}

  changed(session: Session, change: SessionChange): void {
    if (change.kind === "callback") this.#named.change(session, change);
  }

  mayExpire(): boolean {
    return true;
  }

  hasRecord(): boolean {
    return false;
  }

  find(uid: string): Session | undefined {
    return this.#registry.get(uid);
  }

  idOfCallback(key: string): string {
    return key;
  }

  hasCallback(session: Session, id: string): boolean {
    return this.#named.has(session, id);
  }

  deliver(end: SessionEnd): void {
    for (const { callback } of this.#registry.delivery.callbacks) {
      this.#registry.calls.run(callback, end, end.session);
    }
  }

  hold(): undefined {}

  flush(): void {}

  evict(): boolean {
    return false;
  }

  endAll(principal: string, options: EndSessionsOptions): number {
    const { except, reason = "revoked" } = options;
    const sessions = this.#registry.sessionsOf(principal).filter((session) =>
      session !== except
    );
    for (const session of sessions) this.#registry.end(session, reason);
    return sessions.length;
  }

  list(
    principal: string,
    options?: ListSessionsOptions,
  ): MaybePromise<SessionInfo[]> {
    const { descriptions } = this.#registry;
    return proceed(
      loadLaterCode(),
      ({ listSessions }) =>
        listSessions(
          this.#registry.sessionsOf(principal),
          descriptions,
          options,
        ),
    );
  }

  end(uid: string, reason: SessionEndReason): boolean {
    const session = this.#registry.get(uid);
    if (session === undefined) return false;
    this.#registry.end(session, reason);
    return true;
  }

  async start(): Promise<void> {
    await this.#loading;
  }

  halt(): void {
    for (const session of this.#registry.sessions.values()) {
      this.#registry.end(session, "shutdown");
    }
  }

  async close(): Promise<void> {}
}

/** A named callback of a session, and the function that removes it. */
interface Kept {
  callback: NamedCallback;
  remove(): void;
}

/** The named callbacks of sessions that no store keeps, by session and key. */
export class LocalCallbacks {
  readonly #owner: Pick<SessionOwner, "retries">;
  readonly #kept = new WeakMap<Session, Map<string, Kept>>();

  constructor(owner: Pick<SessionOwner, "retries">) {
    this.#owner = owner;
  }

  /** Returns whether a session has the callback of a key. */
  has(session: Session, key: string): boolean {
    return this.#kept.get(session)?.has(key) === true;
  }

  /** Adds, replaces or removes a callback of a session. */
  change(
    session: Session,
    { callback, isRemoved }: {
      readonly callback: NamedCallback;
      readonly isRemoved: boolean;
    },
  ): void {
    const { key } = callback;
    const before = this.#kept.get(session)?.get(key);
    if (isRemoved) {
      if (before === undefined || !isSameCall(before.callback, callback)) {
        return;
      }
      before.remove();
      this.#kept.get(session)?.delete(key);
    } else if (before !== undefined) {
      // The callback keeps its place in the order of the callbacks.
      before.callback = callback;
    } else {
      this.#add(session, callback);
    }
  }

  #add(session: Session, callback: NamedCallback): void {
    const call = (end: SessionEnd) =>
      this.#owner.retries.call(end, kept.callback);
    const kept: Kept = { callback, remove: session.notifyOnExpire(call) };
    let all = this.#kept.get(session);
    if (all === undefined) this.#kept.set(session, all = new Map());
    all.set(callback.key, kept);
  }
}

/**
 * Returns whether both are one callback: by the same default key, or the same
 * registration.
 */
function isSameCall(one: NamedCallback, other: NamedCallback): boolean {
  return one === other || one.call !== undefined && one.call === other.call;
}

/** A backend over a store. */
export interface StoreBackend extends SessionBackend {
  /** The numbers of ends that this process has claimed and delivered. */
  readonly endCounts: StoredEndCounts;
}

/** Makes a backend over a store. */
export type StoreBackendFactory = (
  registry: SessionRegistry,
  store: SessionStore,
) => StoreBackend;

/** The factory that the modules of stores provide. */
const provided: { factory?: StoreBackendFactory } = {};

/**
 * Registers the factory of backends over stores.
 *
 * The modules of stores provide it, so that a program without a store does not
 * load the code that only stores need.
 */
export function provideStoreBackend(factory: StoreBackendFactory): void {
  provided.factory = factory;
}

/**
 * Makes the backend over a store.
 *
 * @throws {TypeError} If no module of a store has been loaded.
 */
export function makeStoreBackend(
  registry: SessionRegistry,
  store: SessionStore,
): StoreBackend {
  const { factory } = provided;
  if (factory === undefined) {
    throw new TypeError(
      'Cannot use the store: its module must import "@curfew/web/stores/store"',
    );
  }
  return factory(registry, store);
}
