import { randomId } from "../base/ids.ts";
import type {
  EndSessionsOptions,
  Session,
  SessionChange,
  SessionEnd,
  SessionEndReason,
} from "../session.ts";
import { LocalHolds } from "./local_holds.ts";
import { LocalCallbacks } from "./local_callbacks.ts";
import type { SessionBackend } from "./session_backend.ts";
import type { SessionRegistry } from "./session_registry.ts";
import type { SessionInfo } from "./session_info.ts";
import type { UndeliveredEnd } from "./undelivered_end.ts";

/** Sessions in the memory of this process. They end with it. */
export class LocalBackend implements SessionBackend {
  readonly mustLoad = false;
  readonly isLimitingWrites = false;
  readonly values: undefined = undefined;
  readonly #registry: SessionRegistry;
  readonly #named: LocalCallbacks;
  /** Made when first needed. */
  #holds: LocalHolds | undefined;

  constructor(registry: SessionRegistry) {
    this.#registry = registry;
    this.#named = new LocalCallbacks(registry);
  }

  get holds(): LocalHolds {
    return this.#holds ??= new LocalHolds(this.#registry);
  }

  keyOf(secret: string): string {
    return secret;
  }

  load(): void {}

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

  isUnderCheck(): boolean {
    return false;
  }

  hasRecord(): boolean {
    return false;
  }

  find(uid: string): Session | undefined {
    return this.#registry.get(uid);
  }

  hasCallback(session: Session, key: string): boolean {
    return this.#named.has(session, key);
  }

  deliver(end: SessionEnd): void {
    for (const callback of this.#registry.delivery.callbacks()) {
      this.#registry.run(callback, end, end.session);
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

  list(principal: string): SessionInfo[] {
    return this.#registry.sessionsOf(principal)
      .map((session) => ({
        uid: session.uid,
        createdAt: session.createdAt,
        authenticatedAt: session.authenticatedAt,
        lastModified: session.lastModified,
        expiresAt: session.expiresAt,
        description: this.#registry.descriptions.of(session),
      }))
      .sort((one, other) => one.createdAt - other.createdAt);
  }

  end(uid: string, reason: SessionEndReason): boolean {
    const session = this.#registry.get(uid);
    if (session === undefined) return false;
    this.#registry.end(session, reason);
    return true;
  }

  listDeadLetters(): readonly UndeliveredEnd[] {
    return [];
  }

  retryDeadLetter(): boolean {
    return false;
  }

  deleteDeadLetter(): boolean {
    return false;
  }

  async start(): Promise<void> {}

  halt(): void {
    for (const session of this.#registry.sessions.values()) {
      this.#registry.end(session, "shutdown");
    }
    this.#holds?.halt();
  }

  async close(): Promise<void> {}
}
