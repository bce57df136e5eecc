import { randomId } from "../base/random_id.ts";
import type {
  EndSessionsOptions,
  Session,
  SessionChange,
  SessionEnd,
} from "../session.ts";
import type { SessionBackend } from "./session_backend.ts";
import type { SessionRegistry } from "./session_registry.ts";

/** Sessions in the memory of this process, which end with it. */
export class LocalBackend implements SessionBackend {
  readonly mustLoad = false;
  readonly values: undefined = undefined;
  readonly #registry: SessionRegistry;

  constructor(registry: SessionRegistry) {
    this.#registry = registry;
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
    if (change.kind !== "callback") return;
    const { namedCallbacks } = this.#registry;
    const argument = structuredClone(change.argument);
    session.notifyOnExpire((end) =>
      namedCallbacks.get(change.name)?.(argument, end)
    );
  }

  mayExpire(): boolean {
    return true;
  }

  isUnderCheck(): boolean {
    return false;
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

  async start(): Promise<void> {}

  halt(): void {
    for (const session of this.#registry.sessions.values()) {
      this.#registry.end(session, "shutdown");
    }
  }

  async close(): Promise<void> {}
}
