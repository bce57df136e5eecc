import type { Ask } from "../ask.ts";
import type { Life } from "../host.ts";

/** An act of a program, as it noted it itself. Times are simulated milliseconds. */
export type Act = UpdateAct | CallbackAct;

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
