import { UID_TAKEN_FOR } from "./record.ts";

/** The uids of sessions that were acknowledged within the last minute. */
export class TakenUids {
  /** When each uid is free again, the earliest first. */
  readonly #freeAt = new Map<string, number>();

  /** Adds the uid of a session that is acknowledged now. */
  add(uid: string, now: number): void {
    this.#removeFree(now);
    this.#freeAt.set(uid, now + UID_TAKEN_FOR);
  }

  /** Whether a uid is taken. */
  has(uid: string, now: number): boolean {
    this.#removeFree(now);
    return this.#freeAt.has(uid);
  }

  #removeFree(now: number): void {
    for (const [uid, freeAt] of this.#freeAt) {
      if (now < freeAt) break;
      this.#freeAt.delete(uid);
    }
  }
}
