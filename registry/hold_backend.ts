import type { MaybePromise } from "../base/promises.ts";
import type { Session, SessionEndReason } from "../session.ts";

/** A hold to take. */
export interface NewHold {
  readonly key: string;
  /** The uid of the session; undefined for a hold without one. */
  readonly holder: string | undefined;
  /** Names this hold; no other one has it. */
  readonly id: string;
  /** Milliseconds; Infinity for no deadline. */
  readonly length: number;
  /**
   * Whether they count from the last touch.
   *
   * @default {false}
   */
  readonly isTouched?: boolean;
  /** What is called when the hold ends without a release. */
  readonly callback: {
    readonly name: string;
    readonly argument: unknown;
  } | undefined;
}

/** A hold that lives. */
export interface HeldKey extends Pick<NewHold, "key" | "holder" | "id"> {
  /** The fencing number. */
  readonly fence: number;
  /** When it ends, in UNIX milliseconds of the clock here. */
  readonly until: number;
}

/** Where holds are: in this process, or in a store. */
export interface HoldBackend {
  /**
   * Takes a hold.
   *
   * @param replaces The fencing number of the hold in whose place it comes; that
   * must live. Without it the key must be free.
   * @returns undefined if that is not so.
   */
  take(hold: NewHold, replaces?: number): MaybePromise<HeldKey | undefined>;
  /**
   * Touches the hold of a key, for one whose length counts from that. An earlier
   * touch than the last changes nothing.
   *
   * @param idle Milliseconds since the touch.
   * @returns false if there is no hold.
   */
  touch(key: string, idle: number): MaybePromise<boolean>;
  /** Finds the hold of a key. */
  find(key: string): MaybePromise<HeldKey | undefined>;
  /**
   * Ends the hold of a key.
   *
   * @param isMeant Whether it is the hold to end.
   * @param reason Undefined to release it: its callback is not called.
   * @returns the hold; undefined if there is none, or it was not meant.
   */
  end(
    key: string,
    isMeant: (held: HeldKey) => boolean,
    reason: SessionEndReason | undefined,
  ): MaybePromise<HeldKey | undefined>;
  /** Writes the callbacks of a session, so that they outlive this process. */
  keep(session: Session): MaybePromise<void>;
  /** Whether a session lives, and does not end with its request. */
  isLasting(session: Session): MaybePromise<boolean>;
}
