import { encodeText } from "./redis_text.ts";

/** The keys of one part of the sessions; all have one hash tag. */
export interface Shard {
  /** Its place among all, from 0. */
  readonly index: number;
  /** What the key of a session begins with; its name follows. */
  readonly session: string;
  /** Sorted set of names by when they can be claimed: a deadline, or a lease. */
  readonly due: string;
  /** Sorted set of principals with the names of their sessions. */
  readonly principals: string;
  /** Sorted set of the names of ends that have been put aside, by when. */
  readonly aside: string;
}

/** Where a session is. */
export interface Place {
  /** Its uid, encoded. */
  readonly name: string;
  /** Its key. */
  readonly key: string;
  /** The keys beside it. */
  readonly shard: Shard;
}

/** All the parts that sessions are spread over. */
export class Shards {
  /** Each of them. */
  readonly all: readonly Shard[];

  /**
   * @param prefix What the names of all keys begin with, inside the hash tag.
   * @param count How many there are.
   */
  constructor(prefix: string, count: number) {
    this.all = Array.from({ length: count }, (_, index) => {
      const tag = `{${prefix}:${index}}`;
      return {
        index,
        session: `${tag}:s:`,
        due: `${tag}:due`,
        principals: `${tag}:principals`,
        aside: `${tag}:aside`,
      };
    });
  }

  /** Where a session is, the same for everybody: by the FNV-1a of its uid. */
  placeOf(uid: string): Place {
    const name = encodeText(uid);
    const { length } = this.all;
    const shard = this.all[length === 1 ? 0 : hashOf(uid) % length]!;
    return { name, key: shard.session + name, shard };
  }
}

function hashOf(uid: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < uid.length; i++) {
    hash = Math.imul(hash ^ uid.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
