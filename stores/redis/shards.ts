import { encodeText } from "./encoding.ts";

/** The keys of one part of the sessions; all have one hash tag. */
export interface Shard {
  /** The index of the shard, from 0. */
  readonly index: number;
  /** The start of the key of a session; its encoded uid follows. */
  readonly session: string;
  /** The start of the key that keeps the uid of an acknowledged session taken. */
  readonly taken: string;
  /** Sorted set of uids by the time at which their end can be claimed. */
  readonly due: string;
  /** Sorted set of principals with the uids of their sessions. */
  readonly principals: string;
  /** Sorted set of the uids of holds that are in `due`. */
  readonly holds: string;
  /** Sorted set of the uids of other sessions in `due` that have ended. */
  readonly ended: string;
  /** Hash whose field `n` is the last fencing number of the holds. */
  readonly fence: string;
  /** Sorted set of the uids of dead letters, by the time of that. */
  readonly deadLetters: string;
}

/** The place of a session. */
export interface Place {
  /** The uid of the session, encoded. */
  readonly name: string;
  readonly key: string;
  /** The key that keeps the uid taken once the session is acknowledged. */
  readonly takenKey: string;
  readonly shard: Shard;
}

/** The shards that sessions are spread over. */
export class Shards {
  /** All shards by their index. */
  readonly all: readonly Shard[];

  /**
   * @param prefix The start of all keys, inside the hash tag.
   * @param count The number of shards.
   */
  constructor(prefix: string, count: number) {
    this.all = Array.from({ length: count }, (_, index) => {
      const tag = `{${prefix}:${index}}`;
      return {
        index,
        session: `${tag}:s:`,
        taken: `${tag}:z:`,
        due: `${tag}:due`,
        principals: `${tag}:principals`,
        holds: `${tag}:holds`,
        ended: `${tag}:ended`,
        fence: `${tag}:fence`,
        // The key of version 0.1.0, whose dead letters are listed too.
        deadLetters: `${tag}:aside`,
      };
    });
  }

  /**
   * Returns the place of a session, which every node computes by the FNV-1a of the
   * uid.
   */
  placeOf(uid: string): Place {
    const name = encodeText(uid);
    const { length } = this.all;
    const shard = this.all[length === 1 ? 0 : hashOf(uid) % length]!;
    return {
      name,
      key: shard.session + name,
      takenKey: shard.taken + name,
      shard,
    };
  }
}

function hashOf(uid: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < uid.length; i++) {
    hash = Math.imul(hash ^ uid.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
