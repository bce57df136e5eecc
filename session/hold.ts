import { describe } from "../base/describe.ts";
import { checkOptions, type OptionRule } from "../base/check_options.ts";

/** The most characters of a key: databases cannot index much longer texts. */
const MAX_KEY = 200;

/** The options of `session.hold()` and `sessions.hold()`. */
export interface HoldOptions {
  /**
   * Seconds after which the hold ends by itself, if it is not renewed. Infinity
   * is for holds of sessions only, which then end with their session.
   *
   * @default {Infinity}
   */
  seconds?: number;
  /**
   * The name of a callback of `sessions.onEnd()`. It is called when the hold ends
   * without a release, once for all processes, and again if it fails. The key stays
   * taken until the callback has succeeded.
   *
   * @default {undefined}
   */
  then?: string;
  /**
   * The argument of the callback; a copy is made now.
   *
   * @default {undefined}
   */
  argument?: unknown;
}

const ANY: OptionRule = { kind: "any value", isKind: () => true };

const SECONDS: OptionRule = {
  kind: "a number above 0",
  isKind: (value) => typeof value === "number",
  isInRange: (value: number) => value > 0,
};

const LEASE_SECONDS: OptionRule = {
  ...SECONDS,
  kind: "a finite number of seconds above 0",
  isInRange: (value: number) => value > 0 && value < Infinity,
  isRequired: true,
};

const KEY: OptionRule = {
  kind: `a well-formed text of 1 to ${MAX_KEY} characters`,
  isKind: (value) => typeof value === "string",
  isInRange: (key: string) =>
    key !== "" && key.length <= MAX_KEY && key.isWellFormed(),
  isRequired: true,
};

/**
 * A key that is held: a lock, a seat, a lease.
 *
 * The hold ends with its session, or after its own `seconds`; then the callback
 * `then` is called. Over a store the key is held in all processes, and other changes
 * of the session are written first. With `await using`, the hold is released at the
 * end of the block.
 *
 * @example Usage
 * ```ts
 * import { Sessions } from "@curfew/web/sessions";
 * import { assertEquals } from "@std/assert";
 *
 * await using sessions = new Sessions();
 * const free: number[] = [];
 * sessions.onEnd("free", (seat) => free.push(seat as number));
 * const ann = sessions.create();
 * const bob = sessions.create();
 *
 * await ann.hold("seat 12", { seconds: 600, then: "free", argument: 12 });
 * assertEquals(await bob.hold("seat 12", { seconds: 600 }), undefined);
 * ann.expire();
 * assertEquals(free, [12]);
 * ```
 */
export interface Hold extends AsyncDisposable {
  /** The key. */
  readonly key: string;
  /**
   * The fencing number: greater than that of every earlier hold of the key, in all
   * processes. Send it with each write of the data that the key protects. There,
   * refuse a write whose number is lower than the last one: its holder was too
   * slow.
   */
  readonly fence: number;
  /** When the hold ends without a renewal, in UNIX seconds; or Infinity. */
  readonly expiresAt: number;
  /**
   * Releases the hold; its callback is not called.
   *
   * @returns false if the hold has ended, or was renewed meanwhile.
   * @throws {HttpError} Rejects with 503 if the store fails.
   */
  release(): Promise<boolean>;
  /**
   * Renews the hold, from now on.
   *
   * @param seconds Seconds from now; by default as many as before.
   * @returns the hold with a greater fencing number; undefined if the hold has
   * ended.
   * @throws {RangeError} Rejects if the seconds are not above 0.
   * @throws {HttpError} Rejects with 503 if the store fails.
   */
  renew(seconds?: number): Promise<Hold | undefined>;
}

/** The hold that has ended, as callbacks get it. */
export interface EndedHold {
  /** The key. */
  readonly key: string;
  /** The fencing number. */
  readonly fence: number;
  /** The uid of the session that had the hold; undefined for a hold without one. */
  readonly holder: string | undefined;
}

/**
 * Checks the key and the options of a hold.
 *
 * @param isLease Whether the hold has no session, so that it needs a deadline.
 * @throws {TypeError} If the key is not a string, an option is of a wrong kind, or no
 * callback has the name.
 * @throws {RangeError} If the key is empty, too long or not well-formed, or if an
 * option is out of range.
 */
export function checkHold(
  key: string,
  options: HoldOptions,
  { callbacks, isLease }: {
    readonly callbacks: ReadonlyMap<unknown, unknown>;
    readonly isLease: boolean;
  },
): void {
  checkHoldKey("hold", key);
  checkOptions(`hold ${describe(key)}`, options, {
    seconds: isLease ? LEASE_SECONDS : SECONDS,
    then: {
      kind: "the name of a callback of onEnd()",
      isKind: (name) => callbacks.has(name),
    },
    argument: ANY,
  });
}

/**
 * Checks the key of a hold.
 *
 * @throws {TypeError} If it is not a string.
 * @throws {RangeError} If it is empty, too long or not well-formed.
 */
export function checkHoldKey(verb: string, key: string): void {
  checkOptions(`${verb} a key`, { key }, { key: KEY });
}
