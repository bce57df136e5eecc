import type { SessionStore } from "../stores/store.ts";

/** A store that the program has opened. */
export interface OpenedStore extends AsyncDisposable {
  readonly store: SessionStore;
  /**
   * Lists the uids of all sessions, some hundreds at a time, those with the least
   * time left first. A session that has just ended may be among them.
   */
  uids(): AsyncIterable<readonly string[]> | Iterable<readonly string[]>;
}

/** Refuses sessions of another version: reading would change them. */
export function refuseOtherFormat(found: number, own: number): void {
  if (found === own) return;
  throw new Error(
    found > own
      ? `its sessions have format ${found}, and this program knows ${own} at most: use the version of the site`
      : `its sessions have format ${found}, and this program would change them to ${own}: start the site with this version first, or use the version of the site`,
  );
}
