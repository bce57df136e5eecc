import type { NamedCallback } from "../session/named_callback.ts";
import type { Session, SessionEnd, SessionOwner } from "../session.ts";

/** A named callback of a session, and the function that removes it. */
interface Kept {
  callback: NamedCallback;
  remove(): void;
}

/** The named callbacks of sessions that no store keeps, by session and key. */
export class LocalCallbacks {
  readonly #owner: Pick<SessionOwner, "callNamed">;
  readonly #kept = new WeakMap<Session, Map<string, Kept>>();

  constructor(owner: Pick<SessionOwner, "callNamed">) {
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
    const call = (end: SessionEnd) => this.#owner.callNamed(end, kept.callback);
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
