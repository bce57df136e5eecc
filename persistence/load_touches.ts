import type {
  LoadedSession,
  SessionChanges,
  SessionTimes,
} from "../stores/store.ts";

/** The most loads at a time whose touches can be undone. */
const MAX_UNTOUCHES = 16;

/**
 * A touch that also raises the version. By the version, a process that undoes the
 * touches of two loads sees that others have touched the session in between.
 */
const TOUCH_AGAIN: SessionChanges = { idle: 0, values: new Map() };

/**
 * Touches of loads to undo, each with the touch before it, and the version that was
 * loaded.
 */
class Untouches extends Map<number, { to: number; version: number }> {
  /** The touch that was last restored. The record has it as the touch before as well. */
  restored = NaN;
}

/**
 * Returns whether another load has touched a session in the same millisecond.
 * Another process that undoes that touch cannot tell the two apart.
 */
function isShared(
  { now, createdAt, touchedAt, touchedBefore }: LoadedSession,
): boolean {
  return touchedAt === now && touchedBefore === now && createdAt !== now;
}

/**
 * The touches of loads. A request that does not count as a visit undoes the touch
 * of its load.
 */
export class LoadTouches {
  /** Touches of loads to undo; undefined before the first. */
  #untouches: Untouches | undefined = undefined;
  /** The last touch of a load for a visit, in UNIX milliseconds of the store. */
  #keptAt = -Infinity;

  /** Records that a touch was for a visit, and stays. */
  keepTouch({ touchedAt }: Pick<SessionTimes, "touchedAt">): void {
    this.#keptAt = Math.max(this.#keptAt, touchedAt);
  }

  /**
   * Keeps the touch of a load if the request was a visit. Otherwise returns a
   * function that builds the change that undoes the touch. The change is built when
   * it is sent, since the answer to an earlier one may show that a touch counts. A
   * visit whose touch others may undo touches the session again.
   */
  settleTouch(
    loaded: LoadedSession,
    isKept: boolean,
  ): (() => SessionChanges) | undefined {
    const { touchedAt, touchedBefore } = loaded;
    if (isKept) {
      // An earlier visit of the same millisecond here has made its touch safe.
      const isFirst = touchedAt > this.#keptAt;
      this.keepTouch(loaded);
      return isFirst && isShared(loaded) ? () => TOUCH_AGAIN : undefined;
    }
    if (touchedAt === touchedBefore) return undefined;
    return () => this.#untouch(loaded);
  }

  /** Records that a load has touched the session. */
  noteTouch({ touchedAt, touchedBefore }: LoadedSession): void {
    // Another touch of the same millisecond may have been undone.
    if (touchedAt !== touchedBefore) this.#untouches?.delete(touchedAt);
  }

  /**
   * Returns when a session was touched before the touch of a load, without touches
   * that are undone, or that may still be.
   *
   * @param looks The loads of other requests under way that are no visits so far.
   */
  touchBefore(
    { touchedBefore, version }: LoadedSession,
    looks: readonly LoadedSession[] = [],
  ): number {
    let to = touchedBefore;
    for (;;) {
      const look = looks.find(({ touchedAt }) => touchedAt === to);
      const earlier = this.#untouches?.get(to) ??
        (look && { to: look.touchedBefore, version: look.version });
      if (earlier === undefined || earlier.version !== version) return to;
      if (earlier.to >= to || to <= this.#keptAt) return to;
      to = earlier.to;
    }
  }

  /**
   * Builds the change that undoes the touch of a load. If two such loads overlap, the
   * second is undone first in the store, and restores the time before both; or it
   * leaves the touch of the first, which is undone later.
   */
  #untouch(loaded: LoadedSession): SessionChanges {
    const { touchedAt, version } = loaded;
    const untouches = this.#untouches ??= new Untouches();
    const before = touchedAt === untouches.restored
      ? touchedAt
      : loaded.touchedBefore;
    let to = this.touchBefore(loaded);
    // A touch that counts may be written after a later load.
    if (this.#keptAt < touchedAt) to = Math.max(to, this.#keptAt);
    untouches.delete(touchedAt);
    untouches.set(touchedAt, { to, version });
    if (untouches.size > MAX_UNTOUCHES) {
      const [oldest] = untouches.keys();
      untouches.delete(oldest!);
    }
    untouches.restored = to;
    return { takenBack: { touchedAt, before, to } };
  }
}
