import type { SessionEndReason } from "../session.ts";
import type { ChangeNotification } from "../stores/store.ts";

/** The notifications of a session that came while it was loaded. */
export interface MissedNotifications {
  /** The last version that another process has written. */
  readonly version: number;
  /** The reason if the session has ended in another process. */
  readonly reason: SessionEndReason | undefined;
}

/**
 * The loads that have no answer yet. An answer may be older than a notification
 * that came before it, and that found no session here.
 */
export class LoadsUnderWay {
  readonly #loads = new Map<
    string,
    { count: number; version: number; reason: SessionEndReason | undefined }
  >();

  /** Records that a load was sent. */
  begin(uid: string): void {
    const load = this.#loads.get(uid);
    if (load !== undefined) load.count++;
    else this.#loads.set(uid, { count: 1, version: -1, reason: undefined });
  }

  /** Records that another process has changed a session. */
  noteChange({ uid, version }: ChangeNotification): void {
    const load = this.#loads.get(uid);
    if (load !== undefined) load.version = Math.max(load.version, version);
  }

  /** Records that a session has ended in another process. */
  noteEnd(uid: string, reason: SessionEndReason): void {
    const load = this.#loads.get(uid);
    if (load !== undefined) load.reason ??= reason;
  }

  /** Records that a load has settled, and returns what it may have missed. */
  end(uid: string): MissedNotifications | undefined {
    const load = this.#loads.get(uid);
    if (load === undefined) return undefined;
    if (--load.count === 0) this.#loads.delete(uid);
    return load;
  }
}
