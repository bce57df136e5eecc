import type { SessionEndReason } from "../session/end_reason.ts";

/** An end with callbacks that have failed for `endRetryFor` seconds. */
export interface UndeliveredEnd {
  /** The uid of the session. */
  readonly uid: string;
  /** Why the session ended. */
  readonly reason: SessionEndReason;
  /** When it ended, in UNIX seconds. */
  readonly at: number;
  /** The principal of the session. */
  readonly principal: string | undefined;
  /** The number of deliveries. */
  readonly attempt: number;
  /** The named callbacks that have failed, with their arguments. */
  readonly callbacks: readonly {
    readonly name: string;
    readonly argument: unknown;
  }[];
  /** The last error, in words. */
  readonly why: string;
}
