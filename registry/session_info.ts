/** A session of a principal, wherever it is live; see `sessions.list()`. */
export interface SessionInfo {
  /** The name of the session; safe to show. */
  readonly uid: string;
  /** When the session was made, in UNIX seconds. */
  readonly createdAt: number;
  /** When its user logged in last, in UNIX seconds; undefined without a login. */
  readonly authenticatedAt: number | undefined;
  /** When the session was touched last, in UNIX seconds. */
  readonly lastModified: number;
  /** When it ends if no access comes, in UNIX seconds; Infinity for never. */
  readonly expiresAt: number;
  /** The text of the option `describe`; undefined without one. */
  readonly description: string | undefined;
}
