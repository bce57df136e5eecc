/** The end of a session in any node. */
export interface EndNotification {
  /** The session that has ended. */
  readonly uid: string;
  /** Why the session ended. */
  readonly reason: string;
  /** When the session ended, in UNIX milliseconds of the store. */
  readonly at: number;
}

/** A change of a session that raised its version, in any node. */
export interface ChangeNotification {
  /** The session that was changed. */
  readonly uid: string;
  /** The version after the change. */
  readonly version: number;
}
