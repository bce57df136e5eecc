import type { NamedCallback } from "../session/named_callback.ts";
import type { Session, SessionEnd, SessionOwner } from "../session.ts";

/** A named callback of a session, and how to take it back. */
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
      // It keeps its place among the callbacks of the session.
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

/** Whether both call the same: by a default key, or by one registration. */
function isSameCall(one: NamedCallback, other: NamedCallback): boolean {
  return one === other || one.call !== undefined && one.call === other.call;
}
