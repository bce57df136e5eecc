/**
 * Sessions in Redis or Valkey, for sites in many processes, on many machines.
 *
 * @module
 */

import { checkRedis } from "./redis_check.ts";
import { RedisClaims } from "./redis_claims.ts";
import type { RedisClient } from "./redis_client.ts";
import { readNews } from "./redis_news.ts";
import {
  decodeEnd,
  decodeSession,
  decodeTimes,
  encodeChanges,
  encodeFacts,
  encodePrincipal,
  fieldsOf,
  isGrowing,
} from "./redis_record.ts";
import { failureTo, type ScriptCall, ScriptRunner } from "./redis_runner.ts";
import {
  ACKNOWLEDGE,
  COMMIT,
  COMMIT_SMALL,
  CREATE,
  END,
  LIST_ASIDE,
  LOAD,
  PUT_ASIDE,
  type RedisScript,
  RELEASE,
  RENEW,
  SHOW,
  UIDS_OF,
} from "./redis_scripts.ts";
import { keysOf, type Shard, shardOf } from "./redis_shard.ts";
import {
  decodeNumber,
  decodeText,
  encodeText,
  listOf,
  textOf,
  textsOf,
} from "./redis_text.ts";
import type {
  AsideEnd,
  Claimant,
  ClaimedEnd,
  Claims,
  EndNews,
  LoadedSession,
  LoadOptions,
  NewSession,
  SessionChanges,
  SessionStore,
  SessionTimes,
} from "./store.ts";

export * from "./redis_client.ts";

/** Options of {@linkcode RedisStore}. */
export interface RedisStoreOptions {
  /** How Redis is reached: what `fromNodeRedis` or `fromIoredis` answers. */
  readonly client: RedisClient;
  /**
   * What the names of all keys and of the channel begin with. Sites with the
   * same prefix share their sessions. It has no braces.
   *
   * @default {"curfew"}
   */
  readonly prefix?: string;
  /**
   * Over how many parts the sessions are spread, 1 or more. Each lies on one node
   * of a cluster whole, and each is asked whenever ends are claimed; on a single
   * Redis more than one is of no use. All who share the sessions have the same
   * number; with another, sessions are not found.
   *
   * @default {1}
   */
  readonly shards?: number;
  /**
   * Seconds between touches of a session within which no second one is written.
   * Sessions end later by so much, so that none ends early. It saves Redis writes,
   * to its log and to its replicas, where visitors send many requests.
   *
   * @default {0}
   */
  readonly touchGranularity?: number;
}

/**
 * Keeps sessions in Redis 7 or later, or in Valkey, as {@linkcode SessionStore}
 * says.
 *
 * Each act is one script, which Redis runs as a whole, by its own clock. Loading
 * and touching is one command. Deadlines lie in a sorted set from which ends are
 * claimed, so that none is lost if nobody is there when it comes; no key ever
 * expires by itself. News of ends travels by pub/sub, as a hint only. Losing the
 * connection is a rejection with the client's error as its cause.
 *
 * Redis answers before its replicas have a write: after a failover the last ones
 * may be lost, and an end be told twice or a logout undone.
 *
 * @example Usage
 * ```ts ignore
 * import { Site } from "@curfew/web";
 * import { fromNodeRedis, RedisStore } from "@curfew/web/stores/redis";
 * import { createClient } from "npm:redis@6";
 *
 * const client = createClient({ url: "redis://localhost" });
 * await client.connect();
 * const store = new RedisStore({ client: fromNodeRedis(client) });
 * const site = new Site(root, { store });
 * ```
 */
export class RedisStore implements SessionStore, AsyncDisposable {
  readonly #client: RedisClient;
  readonly #runner: ScriptRunner;
  readonly #claims: RedisClaims;
  readonly #shards: readonly Shard[];
  readonly #channel: string;
  readonly #prefix: string;
  /** Milliseconds, as scripts are told. */
  readonly #slack: string;
  /** What closes each connection that listens. */
  readonly #stops = new Set<() => Promise<void>>();
  readonly #stopping = new Set<Promise<void>>();

  /**
   * Sends nothing yet.
   *
   * @param options See each option.
   * @throws {TypeError} If there is no client.
   * @throws {RangeError} If another option is out of its range.
   */
  constructor(options: RedisStoreOptions) {
    const { client, prefix = "curfew", shards = 1, touchGranularity = 0 } =
      options;
    if (typeof client?.send !== "function") {
      throw new TypeError(
        "Cannot make store: the client is not adapted: call fromNodeRedis() or fromIoredis()",
      );
    }
    if (/[{}]/.test(prefix)) {
      throw new RangeError(
        `Cannot make store: the prefix has braces: "${prefix}"`,
      );
    }
    if (!Number.isInteger(shards) || shards < 1) {
      throw new RangeError(
        `Cannot make store: shards is not a whole number of 1 or more: ${shards}`,
      );
    }
    if (!(touchGranularity >= 0 && touchGranularity < Infinity)) {
      throw new RangeError(
        `Cannot make store: touchGranularity is not a number of seconds: ${touchGranularity}`,
      );
    }
    this.#client = client;
    this.#prefix = prefix;
    this.#channel = `${prefix}:news`;
    this.#slack = String(touchGranularity * 1000);
    this.#shards = Array.from(
      { length: shards },
      (_, index) => keysOf(prefix, index),
    );
    this.#runner = new ScriptRunner(client);
    this.#claims = new RedisClaims(this.#runner, this.#shards, this.#channel);
  }

  /** {@inheritDoc SessionStore.create} */
  async create(session: NewSession): Promise<SessionTimes | undefined> {
    const { uid, age, idle, sessionTimeout, absoluteTimeout, principal } =
      session;
    const at = this.#find(uid);
    const list = textsOf(
      await this.#runner.run(CREATE, `create session "${uid}"`, {
        keys: [at.key, at.shard.due, at.shard.principals],
        words: [at.name, this.#slack, this.#channel],
        numbers: [age, idle, sessionTimeout, absoluteTimeout],
        more: [encodePrincipal(principal), ...encodeFacts(session)],
      }),
    );
    return list.length === 0 ? undefined : decodeTimes(list);
  }

  /** {@inheritDoc SessionStore.load} */
  async load(
    uid: string,
    options: LoadOptions,
  ): Promise<LoadedSession | undefined> {
    const at = this.#find(uid);
    const [now, before, fields] = listOf(
      await this.#runner.run(LOAD, `load session "${uid}"`, {
        keys: [at.key, at.shard.due],
        words: [
          at.name,
          this.#slack,
          encodeText(options.secretHash),
          options.touch ? "1" : "0",
        ],
      }),
    );
    if (now === undefined) return undefined;
    return {
      ...decodeSession(uid, fieldsOf(textsOf(fields)), numberOf(now)),
      touchedBefore: numberOf(before),
    };
  }

  /** {@inheritDoc SessionStore.commit} */
  async commit(
    uid: string,
    changes: SessionChanges,
  ): Promise<SessionTimes | undefined> {
    const at = this.#find(uid);
    const script = isGrowing(changes) ? COMMIT : COMMIT_SMALL;
    const list = textsOf(
      await this.#runner.run(script, `change session "${uid}"`, {
        keys: [at.key, at.shard.due, at.shard.principals],
        words: [at.name, this.#slack, this.#channel],
        more: encodeChanges(changes),
      }),
    );
    return list.length === 0 ? undefined : decodeTimes(list);
  }

  /** {@inheritDoc SessionStore.end} */
  async end(
    uid: string,
    reason: string,
    claimant: Claimant,
  ): Promise<ClaimedEnd | undefined> {
    const at = this.#find(uid);
    const [now, fields] = listOf(
      await this.#runner.run(END, `end session "${uid}"`, {
        keys: [at.key, at.shard.due, at.shard.principals],
        words: [
          at.name,
          this.#channel,
          encodeText(reason),
          encodeText(claimant.owner),
        ],
        numbers: [claimant.lease],
      }),
    );
    if (now === undefined) return undefined;
    return decodeEnd(uid, fieldsOf(textsOf(fields)), numberOf(now));
  }

  /**
   * {@inheritDoc SessionStore.claim}
   *
   * One command if there is nothing, two if there is; as many for each shard.
   * What somebody else claims in between is not claimed again. At most 1000 are
   * claimed at once.
   */
  claim(claimant: Claimant, limit: number): Promise<Claims> {
    return this.#claims.claim(claimant, limit);
  }

  /** {@inheritDoc SessionStore.renew} */
  renew(uid: string, fence: string, lease: number): Promise<boolean> {
    const { key, shard, name } = this.#find(uid);
    return this.#isDone(RENEW, `renew the claim of session "${uid}"`, {
      keys: [key, shard.due],
      words: [name, fence],
      numbers: [lease],
    });
  }

  /** {@inheritDoc SessionStore.acknowledge} */
  acknowledge(uid: string, fence: string): Promise<boolean> {
    const { key, shard, name } = this.#find(uid);
    return this.#isDone(
      ACKNOWLEDGE,
      `acknowledge the end of session "${uid}"`,
      {
        keys: [key, shard.due],
        words: [name, fence],
      },
    );
  }

  /** {@inheritDoc SessionStore.release} */
  release(uid: string, fence: string, delay: number): Promise<boolean> {
    const { key, shard, name } = this.#find(uid);
    return this.#isDone(RELEASE, `release the end of session "${uid}"`, {
      keys: [key, shard.due],
      words: [name, fence],
      numbers: [delay],
      more: [this.#channel],
    });
  }

  /**
   * {@inheritDoc SessionStore.putAside}
   *
   * `listAside` shows it.
   */
  putAside(uid: string, fence: string, why: string): Promise<boolean> {
    const { key, shard, name } = this.#find(uid);
    return this.#isDone(PUT_ASIDE, `put aside the end of session "${uid}"`, {
      keys: [key, shard.due, shard.aside],
      words: [name, fence, encodeText(why)],
    });
  }

  /**
   * The ends that have been put aside, the longest kept first.
   *
   * Redis keeps them until somebody deletes their keys.
   */
  async listAside(): Promise<AsideEnd[]> {
    const lists = await Promise.all(
      this.#shards.map((shard) => this.#listAsideOf(shard)),
    );
    return lists.flat().sort((a, b) => a.since - b.since)
      .map(({ end }) => end);
  }

  /** {@inheritDoc SessionStore.nextIn} */
  nextIn(): Promise<number> {
    return this.#claims.nextIn();
  }

  /** {@inheritDoc SessionStore.uidsOf} */
  async uidsOf(principal: string): Promise<string[]> {
    const lists = await Promise.all(this.#shards.map(async (shard) =>
      textsOf(
        await this.#runner.run(UIDS_OF, "list the sessions of a principal", {
          keys: [shard.principals, shard.due],
          words: [encodeText(principal)],
        }),
      )
    ));
    return lists.flatMap((list) => [...fieldsOf(swap(list))])
      .sort(([, a], [, b]) => Number(a) - Number(b))
      .map(([name]) => decodeText(name));
  }

  /**
   * {@inheritDoc SessionStore.watch}
   *
   * Opens a connection that listens.
   */
  async watch(
    onEnd: (news: EndNews) => void,
    onSooner: () => void = () => {},
  ): Promise<() => void> {
    let isOn = true;
    let unsubscribe: () => Promise<void>;
    try {
      unsubscribe = await this.#client.subscribe(
        this.#channel,
        (message) => isOn && readNews(message, { onEnd, onSooner }),
        () => isOn && onSooner(),
      );
    } catch (error) {
      throw failureTo("watch for ends", error);
    }
    this.#stops.add(unsubscribe);
    return () => {
      isOn = false;
      if (this.#stops.delete(unsubscribe)) this.#stop(unsubscribe);
    };
  }

  /**
   * {@inheritDoc SessionStore.check}
   *
   * It refuses a Redis older than 7, one that drops keys which nobody has asked
   * it to drop (`maxmemory-policy allkeys-*`), a replica, and a number of shards
   * other than that of the sessions which are there. It tells of a clock that
   * differs by more than a second, of what a restart would lose, of a cluster
   * that is not made use of, and of what it was not allowed to look at.
   */
  async check(): Promise<readonly string[]> {
    return await checkRedis({
      client: this.#client,
      keys: this.#shards.map(({ due }) => due),
      channel: this.#channel,
      shardsKey: `${this.#prefix}:shards`,
    });
  }

  /** Stops all watching; the client stays open, as it is the user's. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const unsubscribe of this.#stops) this.#stop(unsubscribe);
    this.#stops.clear();
    await Promise.all(this.#stopping);
  }

  /** A connection that cannot be told to stop has nothing to say any more. */
  #stop(unsubscribe: () => Promise<void>): void {
    const stopping = unsubscribe().catch(() => {})
      .finally(() => this.#stopping.delete(stopping));
    this.#stopping.add(stopping);
  }

  #find(uid: string): { key: string; shard: Shard; name: string } {
    const shard = this.#shards[shardOf(uid, this.#shards.length)]!;
    const name = encodeText(uid);
    return { key: shard.session + name, shard, name };
  }

  async #listAsideOf(
    shard: Shard,
  ): Promise<{ end: AsideEnd; since: number }[]> {
    const listed = textsOf(
      await this.#runner.run(LIST_ASIDE, "list what was put aside", {
        keys: [shard.aside],
        words: [],
      }),
    );
    return await Promise.all(
      [...fieldsOf(listed)].map(async ([name, since]) => {
        const uid = decodeText(name);
        const [now, list] = listOf(
          await this.#runner.run(SHOW, `show session "${uid}"`, {
            keys: [shard.session + name],
            words: [],
          }),
        );
        const fields = fieldsOf(textsOf(list));
        const { fence: _, ...end } = decodeEnd(uid, fields, numberOf(now));
        const why = decodeText(fields.get("y") ?? "");
        return { end: { ...end, why }, since: Number(since) };
      }),
    );
  }

  async #isDone(
    script: RedisScript,
    verb: string,
    call: ScriptCall,
  ): Promise<boolean> {
    const [isDone] = textsOf(await this.#runner.run(script, verb, call));
    return isDone === "1";
  }
}

function numberOf(reply: unknown): number {
  return decodeNumber(textOf(reply));
}

/** Names after values becomes values after names. */
function swap(list: readonly string[]): string[] {
  return [...list].reverse();
}
