import type {
  CommitConditions,
  CommitTimes,
  LoadedSession,
  LoadOptions,
  NewSession,
  SessionChanges,
  SessionTimes,
} from "../store.ts";
import { encodeText, listOf, numberOf, textsOf } from "./encoding.ts";
import {
  decodeSession,
  decodeTimes,
  encodeCommit,
  encodeFacts,
  encodePrincipal,
  fieldsOf,
  isGrowing,
} from "./record_codec.ts";
import type { Replication } from "./replication.ts";
import {
  CHANNEL,
  type ScriptCall,
  type ScriptRunner,
} from "./script_runner.ts";
import { COMMIT, COMMIT_SMALL, CREATE, LOAD, TAKE } from "./session_scripts.ts";
import type { Shards } from "./shards.ts";

/** The sessions of a store that have not ended. */
export class RedisSessions {
  readonly #runner: ScriptRunner;
  readonly #shards: Shards;
  readonly #replication: Replication;
  /** Milliseconds. */
  readonly #touchThrottle: number;

  /** @param tools Its `touchThrottle` is in seconds. */
  constructor(
    runner: ScriptRunner,
    tools: {
      readonly shards: Shards;
      readonly replication: Replication;
      readonly touchThrottle: number;
    },
  ) {
    this.#runner = runner;
    this.#shards = tools.shards;
    this.#replication = tools.replication;
    this.#touchThrottle = tools.touchThrottle * 1000;
  }

  /** As {@linkcode SessionStore.create}. */
  async create(session: NewSession): Promise<SessionTimes | undefined> {
    const { uid } = session;
    const place = this.#shards.placeOf(uid);
    const { key, takenKey, shard } = place;
    const list = textsOf(
      await this.#runner.run(CREATE, `create session "${uid}"`, {
        keys: [key, shard.due, shard.principals, takenKey],
        args: [
          ...this.#argumentsOf(session),
          ...[session.version ?? 1, ...encodeFacts(session)],
        ],
      }),
    );
    if (list.length === 0) return undefined;
    await this.#replication.wait(`create session "${uid}"`, place);
    return decodeTimes(list);
  }

  /** As {@linkcode SessionStore.take}. */
  async take(
    session: NewSession,
    replaces?: number,
  ): Promise<SessionTimes | undefined> {
    const { uid } = session;
    const place = this.#shards.placeOf(uid);
    const { key, shard } = place;
    const list = textsOf(
      await this.#runner.run(TAKE, `take "${uid}"`, {
        keys: [key, shard.due, shard.principals, shard.fence, shard.holds],
        args: [
          ...this.#argumentsOf(session),
          ...[replaces, ...encodeFacts(session)],
        ],
      }),
    );
    if (list.length === 0) return undefined;
    await this.#replication.wait(`take "${uid}"`, place);
    return decodeTimes(list);
  }

  /** As {@linkcode SessionStore.load}. */
  async load(
    uid: string,
    options: LoadOptions,
  ): Promise<LoadedSession | undefined> {
    const { tokenHash, touch, grace } = options;
    const { key, name, shard } = this.#shards.placeOf(uid);
    const hash = encodeText(tokenHash);
    const [now, before, fields] = listOf(
      await this.#runner.run(LOAD, `load session "${uid}"`, {
        keys: [key, shard.due],
        args: [
          ...[name, this.#touchThrottle, hash],
          ...[touch ? "1" : "", grace, CHANNEL],
        ],
      }),
    );
    if (now === undefined) return undefined;
    return {
      ...decodeSession(uid, fieldsOf(textsOf(fields)), numberOf(now)),
      touchedBefore: numberOf(before),
    };
  }

  /** As {@linkcode SessionStore.commit}. */
  async commit(
    uid: string,
    changes: SessionChanges,
    conditions?: CommitConditions,
  ): Promise<CommitTimes | undefined> {
    const { key, name, shard } = this.#shards.placeOf(uid);
    const script = isGrowing(changes) ? COMMIT : COMMIT_SMALL;
    const list = textsOf(
      await this.#runner.run(script, `change session "${uid}"`, {
        keys: [key, shard.due, shard.principals],
        args: [
          ...[name, this.#touchThrottle, CHANNEL],
          ...encodeCommit(changes, conditions),
        ],
      }),
    );
    return list.length === 0 ? undefined : decodeTimes(list);
  }

  /** Returns the arguments of a creation before the fields. */
  #argumentsOf(session: NewSession): ScriptCall["args"] {
    const { uid, age, idle, loginAge, principal } = session;
    const { sessionTimeout, absoluteTimeout } = session;
    return [
      ...[this.#shards.placeOf(uid).name, this.#touchThrottle, CHANNEL],
      ...[age, idle, loginAge, sessionTimeout, absoluteTimeout],
      encodePrincipal(principal),
    ];
  }
}
