import { readClock } from "../base/moment.ts";
import { proceed } from "../base/promises.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import type { Session } from "../session.ts";
import type { StoredValuesOf } from "../session/session_values.ts";
import type { BackendParts } from "./backend_parts.ts";
import { NO_TOKEN } from "./record_calls.ts";
import { unkept } from "./store_breaker.ts";

/** The values of sessions that are in a store. */
export class StoredValues implements StoredValuesOf<Session> {
  readonly #registry: SessionRegistry;
  readonly #parts: BackendParts;

  constructor(registry: SessionRegistry, parts: BackendParts) {
    this.#registry = registry;
    this.#parts = parts;
  }

  noteRead(
    session: Session,
    key: string,
    value: object,
    isMade: boolean,
  ): void {
    this.#parts.writer.notes.noteRead(session, { key, value, isMade });
  }

  update(
    session: Session,
    key: string,
    compute: () => unknown,
  ): Promise<unknown> {
    return this.#parts.writer.update(session, key, compute);
  }

  async reload(session: Session): Promise<void> {
    const { store, breakers, loader, writer, claims } = this.#parts;
    const state = loader.states.get(session);
    if (state === undefined || !session.isActive) return;
    const breaker = breakers.of(session.uid);
    try {
      // A session that was just made has nothing to load before that.
      if (!state.isCreated) await writer.flush(session);
      await state.whenIdle(() => {
        const { clock } = this.#registry;
        const sent = readClock(clock);
        return proceed(
          breaker.call(() => store.load(session.uid, NO_TOKEN)),
          (record) => {
            if (!session.isActive) return;
            if (record === undefined) {
              claims.of(session.uid).requestCheck(session);
            } else loader.update(session, record, sent.answered(clock));
          },
        );
      });
    } catch (error) {
      breaker.report(error, { session });
      throw unkept(error);
    }
  }
}
