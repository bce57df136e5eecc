import type { Clock } from "../base/clock.ts";
import type { MaybePromise } from "../base/promises.ts";
import type {
  NamedEndCallback,
  Session,
  SessionEnd,
  SessionEndCallback,
  SessionEndReason,
} from "../session.ts";

/** The callbacks of ends that the parts with holds register. */
export interface EndRegistration {
  /** Registers a callback by name. */
  register(name: string, callback: NamedEndCallback): void;
  /** Adds a callback for every end. */
  add(callback: SessionEndCallback): () => void;
}

/** A hold to take. */
export interface NewHold {
  readonly key: string;
  /** The uid of the session; undefined for a hold without one. */
  readonly holder: string | undefined;
  /** Identifies this hold; no other hold has the same. */
  readonly id: string;
  /** Milliseconds; Infinity for no deadline. */
  readonly length: number;
  /**
   * Whether they count from the last touch.
   *
   * @default {false}
   */
  readonly isTouched?: boolean;
  /** The callback for an end of the hold without a release. */
  readonly callback: {
    readonly name: string;
    readonly argument: unknown;
  } | undefined;
}

/** A hold that has not ended. */
export interface HeldKey extends Pick<NewHold, "key" | "holder" | "id"> {
  /** The fencing number. */
  readonly fence: number;
  /** When it ends, in UNIX milliseconds of this process's clock. */
  readonly until: number;
  /** The process whose lease it depends on; see {@linkcode HoldOwners}. */
  readonly owner?: string | undefined;
  /** The argument of its callback; undefined without one. */
  readonly argument: unknown;
}

/**
 * Processes that own holds in a store. A hold with an owner needs no touches, so it
 * makes no calls to the store while it lasts.
 */
export interface HoldOwners {
  /**
   * Gives a hold whose length counts from its last touch another owner and length,
   * and touches it.
   *
   * @param idle Milliseconds since the touch.
   * @returns the changed hold; undefined if another process has changed it
   * meanwhile.
   */
  change(
    held: HeldKey,
    owner: string | undefined,
    times: { readonly idle: number; readonly length: number },
  ): MaybePromise<HeldKey | undefined>;
  /** Lists the keys of the holds of an owner. */
  keysOf(owner: string): MaybePromise<string[]>;
  /** Makes the lease of this process. It begins with the first hold. */
  openLease(options: LeaseOptions): HoldLease;
}

/** The argument of the callback of a lease. */
export interface LeaseEnd {
  readonly owner: string;
}

/** The options of the lease of a process. */
export interface LeaseOptions {
  readonly clock: Clock;
  /** The name of the callback by which a process frees the holds of another. */
  readonly callback: string;
  /** Milliseconds that a hold lasts without an owner. */
  readonly awayAfter: number;
  /** Called when other processes have freed the holds of this one. */
  readonly onLost: () => void;
  readonly report: (error: unknown) => void;
}

/** The lease of a process, with which its holds last. */
export interface HoldLease {
  /**
   * Makes this process the owner of a hold.
   *
   * @returns the hold; undefined if another process has changed it meanwhile.
   */
  own(held: HeldKey): Promise<HeldKey | undefined>;
  /** Returns whether an owned hold needs one of its rare touches. */
  isOld(held: HeldKey): boolean;
  /** Returns whether another process owns a hold. */
  isOfOther(held: HeldKey): boolean;
  /**
   * Gives up a hold, so that it ends `awayAfter` after the visitor was last
   * present.
   */
  free(held: HeldKey, idle: number): Promise<boolean>;
  /** Frees the holds of a process whose lease has ended. */
  conclude(ended: LeaseEnd, end: SessionEnd): Promise<void>;
  /** Ends the lease of this process, when it owns no holds any more. */
  close(): Promise<void>;
}

/** The place of the holds: this process, or a store. */
export interface HoldBackend {
  /** Undefined without a store. */
  readonly owners: HoldOwners | undefined;
  /**
   * Takes a hold.
   *
   * @param replaces The fencing number of the hold to replace, which must not have
   * ended. Without it the key must be free.
   * @returns undefined if the hold to replace has ended, or the key is not free.
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
   * @param isMeant Returns whether the hold is the one to end.
   * @param reason Undefined to release it: its callback is not called.
   * @returns the ended hold; undefined if no hold was ended.
   */
  end(
    key: string,
    isMeant: (held: HeldKey) => boolean,
    reason: SessionEndReason | undefined,
  ): MaybePromise<HeldKey | undefined>;
  /**
   * Acts when a session that has ended here has ended in the store. Waits for that
   * as long as one write of the end takes; if the write fails, acts after a later
   * one. Never fails.
   */
  afterEnd(session: Session, act: () => Promise<void>): MaybePromise<void>;
  /**
   * Makes sure that this process still delivers an end whose callback is under way,
   * and has half of the lease left. Undefined without a store.
   *
   * @returns false if another process delivers the end now.
   * @throws {Error} If the lease cannot be renewed now.
   */
  confirm?(end: SessionEnd): MaybePromise<boolean>;
  /** Writes the callbacks of a name of a session, so that they outlive this process. */
  keep(session: Session, name: string): MaybePromise<void>;
  /**
   * Returns whether a session lives, does not end with its request, and has the
   * named callback of a key.
   */
  isLasting(session: Session, key: string): MaybePromise<boolean>;
  /** Ends all holds; a store keeps them. */
  halt?(): void;
}
