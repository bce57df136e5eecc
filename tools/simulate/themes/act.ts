import type { PresenceState } from "../../../sessions.ts";
import type { Ask } from "../ask.ts";
import type { Life } from "../host.ts";

/** An act of a program, as it noted it itself. Times are simulated milliseconds. */
export type Act =
  | UpdateAct
  | CallbackAct
  | LateAct
  | LookAct
  | ListAct
  | EndAct
  | HoldAct
  | FreeAct
  | ReleaseAct
  | WarnAct
  | WarnedAct
  | TimeoutAct
  | PushAct
  | LeftAct
  | PresenceAct;

/** The facts of each act. */
interface SomeAct {
  readonly life: Life;
  readonly uid: string;
  readonly at: number;
}

/** A call of `session.update()` that adds the name of its request to a list. */
export interface UpdateAct extends SomeAct {
  readonly kind: "update";
  readonly ask: Ask;
  /** What the call answered. */
  answer?: readonly string[];
}

/** A named callback that is registered under a key, or taken back. */
export interface CallbackAct extends SomeAct {
  readonly kind: "callback";
  readonly ask: Ask;
  readonly key: string;
  readonly isTakenBack: boolean;
}

/** A named callback that is registered after the response. */
export interface LateAct extends SomeAct {
  readonly kind: "late";
  /** The argument of the callback. */
  readonly name: string;
}

/** What background code sees of a session that no request uses. */
export interface LookAct extends SomeAct {
  readonly kind: "look";
  /** When it asked for `session.reload()`; undefined if it did not. */
  readonly reloadedAt: number | undefined;
  readonly principal: string | undefined;
  readonly values: ReadonlyMap<string, unknown>;
}

/** An answered call of `sessions.list()`, which began at `from`. */
export interface ListAct extends SomeAct {
  readonly kind: "list";
  readonly from: number;
  readonly principal: string;
  readonly uids: readonly string[];
}

/** An answered call of `sessions.end()`, which began at `from`. */
export interface EndAct extends SomeAct {
  readonly kind: "end";
  readonly from: number;
  readonly hasEnded: boolean;
}

/** A hold that a program got. */
export interface HoldAct extends SomeAct {
  readonly kind: "hold";
  readonly key: string;
  readonly fence: number;
  /** UNIX seconds by the clock of the program. */
  readonly expiresAt: number;
}

/** A call of the callback of a hold that has ended. */
export interface FreeAct extends SomeAct {
  readonly kind: "free";
  readonly key: string;
  readonly fence: number;
}

/** A hold that was released. */
export interface ReleaseAct extends SomeAct {
  readonly kind: "release";
  readonly key: string;
}

/** A warning that is registered; `lead` is in milliseconds. */
export interface WarnAct extends SomeAct {
  readonly kind: "warn";
  readonly ask: Ask;
  readonly lead: number;
  /** Whether it is by name; others are given in their program only. */
  readonly isByName: boolean;
}

/** A call of the callback of warnings. */
export interface WarnedAct extends SomeAct {
  readonly kind: "warned";
  /** The name of the request that registered it. */
  readonly name: string;
  /** UNIX seconds by the clock of the program. */
  readonly expiresAt: number;
  readonly isByName: boolean;
}

/** A timeout that requests change. */
export type TimeoutName = "sessionTimeout" | "absoluteTimeout";

/** A new timeout, in milliseconds; each one is another. */
export interface TimeoutAct extends SomeAct {
  readonly kind: "timeout";
  readonly ask: Ask;
  readonly of: TimeoutName;
  readonly timeout: number;
}

/** A name that a request adds to a list inside of a session. */
export interface PushAct extends SomeAct {
  readonly kind: "push";
  readonly ask: Ask;
  /** Whether it began the list by `session.set()`. */
  readonly isFirst: boolean;
  /** Whether it was added by `session.update()`. */
  readonly isUpdate: boolean;
}

/** A signal of a visit that aborts: the client of the request has left. */
export interface LeftAct extends SomeAct {
  readonly kind: "left";
  readonly ask: Ask;
}

/** A change of the presence of a visitor that a program is told; it has no uid. */
export interface PresenceAct extends SomeAct {
  readonly kind: "presence";
  readonly principal: string;
  readonly state: PresenceState;
}
