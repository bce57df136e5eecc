import { askEach } from "./redis_in_time.ts";
import { decodeEnd, fieldsOf } from "./redis_record.ts";
import type { ScriptCall, ScriptRunner } from "./redis_runner.ts";
import {
  ACKNOWLEDGE,
  END,
  LIST_ASIDE,
  PUT_ASIDE,
  type RedisScript,
  RELEASE,
  RENEW,
  SHOW,
} from "./redis_scripts.ts";
import type { Shard, Shards } from "./redis_shard.ts";
import {
  decodeText,
  encodeText,
  listOf,
  numberOf,
  textsOf,
} from "./redis_text.ts";
import type { AsideEnd, Claimant, ClaimedEnd } from "./store.ts";

/** Brings ends about, and does what can be done with one that is claimed. */
export class RedisEnds {
  readonly #runner: ScriptRunner;
  readonly #shards: Shards;
  readonly #channel: string;

  constructor(runner: ScriptRunner, shards: Shards, channel: string) {
    this.#runner = runner;
    this.#shards = shards;
    this.#channel = channel;
  }

  /** As `SessionStore.end`. */
  async end(
    uid: string,
    reason: string,
    { owner, lease }: Claimant,
  ): Promise<ClaimedEnd | undefined> {
    const { key, name, shard } = this.#shards.placeOf(uid);
    const [now, fields] = listOf(
      await this.#runner.run(END, `end session "${uid}"`, {
        keys: [key, shard.due, shard.principals],
        words: [name, this.#channel, encodeText(reason), encodeText(owner)],
        numbers: [lease],
      }),
    );
    if (now === undefined) return undefined;
    return decodeEnd(uid, fieldsOf(textsOf(fields)), numberOf(now));
  }

  /** As `SessionStore.renew`. */
  renew(uid: string, fence: string, lease: number): Promise<boolean> {
    const { key, name, shard } = this.#shards.placeOf(uid);
    return this.#isDone(RENEW, `renew the claim of session "${uid}"`, {
      keys: [key, shard.due],
      words: [name, fence],
      numbers: [lease],
    });
  }

  /** As `SessionStore.acknowledge`. */
  acknowledge(uid: string, fence: string): Promise<boolean> {
    const { key, name, shard } = this.#shards.placeOf(uid);
    return this.#isDone(
      ACKNOWLEDGE,
      `acknowledge the end of session "${uid}"`,
      { keys: [key, shard.due], words: [name, fence] },
    );
  }

  /** As `SessionStore.release`. */
  release(uid: string, fence: string, delay: number): Promise<boolean> {
    const { key, name, shard } = this.#shards.placeOf(uid);
    return this.#isDone(RELEASE, `release the end of session "${uid}"`, {
      keys: [key, shard.due],
      words: [name, fence],
      numbers: [delay],
      more: [this.#channel],
    });
  }

  /** As `SessionStore.putAside`. */
  putAside(uid: string, fence: string, why: string): Promise<boolean> {
    const { key, name, shard } = this.#shards.placeOf(uid);
    return this.#isDone(PUT_ASIDE, `put aside the end of session "${uid}"`, {
      keys: [key, shard.due, shard.aside],
      words: [name, fence, encodeText(why)],
    });
  }

  /** The ends in some shards that have been put aside, the longest kept first. */
  async listAside(shards: readonly Shard[]): Promise<AsideEnd[]> {
    const lists = await Promise.all(
      askEach(shards, (shard) => this.#listAsideOf(shard)),
    );
    return lists.flat().sort((a, b) => a.since - b.since)
      .map(({ end }) => end);
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
      [...fieldsOf(listed)].map(async ([name, since]) => ({
        end: await this.#show(shard, name),
        since: Number(since),
      })),
    );
  }

  async #show(shard: Shard, name: string): Promise<AsideEnd> {
    const uid = decodeText(name);
    const [now, list] = listOf(
      await this.#runner.run(SHOW, `show session "${uid}"`, {
        keys: [shard.session + name],
        words: [],
      }),
    );
    const fields = fieldsOf(textsOf(list));
    const { fence: _, ...end } = decodeEnd(uid, fields, numberOf(now));
    return { ...end, why: decodeText(fields.get("y") ?? "") };
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
