/** The keys of one part of the sessions; all have one hash tag. */
export interface Shard {
  /** What the key of a session begins with; its uid follows. */
  readonly session: string;
  /** Sorted set of uids by when they can be claimed: a deadline, or a lease. */
  readonly due: string;
  /** Sorted set of principals with the uids of their sessions, by name. */
  readonly principals: string;
  /** Sorted set of the uids of ends that have been put aside, by when. */
  readonly aside: string;
}

/** Names the keys of a shard. */
export function keysOf(prefix: string, index: number): Shard {
  const tag = `{${prefix}:${index}}`;
  return {
    session: `${tag}:s:`,
    due: `${tag}:due`,
    principals: `${tag}:principals`,
    aside: `${tag}:aside`,
  };
}

/** Which shard a session lies in, the same for everybody: FNV-1a of its uid. */
export function shardOf(uid: string, shards: number): number {
  if (shards === 1) return 0;
  let hash = 0x811c9dc5;
  for (let i = 0; i < uid.length; i++) {
    hash = Math.imul(hash ^ uid.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % shards;
}
