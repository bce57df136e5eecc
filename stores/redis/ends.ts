import type {
  Claimant,
  ClaimedEnd,
  ClaimKey,
  DeadLetter,
  EndProgress,
} from "../store.ts";
import {
  decodeText,
  encodeText,
  listOf,
  numberOf,
  textsOf,
} from "./encoding.ts";
import {
  ACKNOWLEDGE,
  DEAD_LETTER,
  DELETE_DEAD_LETTER,
  END,
  LIST_DEAD_LETTERS,
  READ,
  RELEASE,
  RENEW,
  RETRY_DEAD_LETTER,
} from "./end_scripts.ts";
import { decodeEnd, encodeProgress, fieldsOf } from "./record_codec.ts";
import type { Replication } from "./replication.ts";
import type { RedisScript } from "./script.ts";
import {
  CHANNEL,
  type ScriptCall,
  type ScriptRunner,
} from "./script_runner.ts";
import type { Shard, Shards } from "./shards.ts";
import { askEach } from "./time_limit.ts";

/** Ends sessions, and changes ends that are claimed. */
export class RedisEnds {
  readonly #runner: ScriptRunner;
  readonly #shards: Shards;
  readonly #replication: Replication;

  constructor(
    runner: ScriptRunner,
    tools: { readonly shards: Shards; readonly replication: Replication },
  ) {
    this.#runner = runner;
    this.#shards = tools.shards;
    this.#replication = tools.replication;
  }

  /** As {@linkcode SessionStore.end}. */
  async end(
    uid: string,
    reason: string,
    { owner, lease }: Claimant,
  ): Promise<ClaimedEnd | undefined> {
    const place = this.#shards.placeOf(uid);
    const { key, name, shard } = place;
    const why = encodeText(reason);
    const [now, fields] = listOf(
      await this.#runner.run(END, `end session "${uid}"`, {
        keys: [key, shard.due, shard.principals, shard.holds, shard.ended],
        args: [name, CHANNEL, why, encodeText(owner), lease],
      }),
    );
    if (now === undefined) return undefined;
    await this.#replication.wait(`end session "${uid}"`, place);
    return decodeEnd(uid, fieldsOf(textsOf(fields)), numberOf(now));
  }

  /** As {@linkcode SessionStore.renew}. */
  renew(uid: string, fence: string, lease: number): Promise<boolean> {
    const { key, name, shard } = this.#shards.placeOf(uid);
    return this.#isDone(RENEW, `renew the claim of session "${uid}"`, {
      keys: [key, shard.due],
      args: [name, fence, lease],
    });
  }

  /** As {@linkcode SessionStore.acknowledge}. */
  async acknowledge(uid: string, fence: string): Promise<boolean> {
    const place = this.#shards.placeOf(uid);
    const { key, takenKey, name, shard } = place;
    const verb = `acknowledge the end of session "${uid}"`;
    const isDone = await this.#isDone(ACKNOWLEDGE, verb, {
      keys: [shard.due, shard.holds, shard.ended, key, takenKey],
      args: [name, fence],
    });
    if (isDone) await this.#replication.tryWait(verb, place);
    return isDone;
  }

  /** As {@linkcode SessionStore.acknowledgeAll}. */
  async acknowledgeAll(claims: readonly ClaimKey[]): Promise<boolean[]> {
    const done = new Set<string>();
    const all = claims.map(({ uid }) => this.#shards.placeOf(uid));
    const shards = [...new Set(all.map(({ shard }) => shard))];
    await Promise.all(
      askEach(shards, async (shard) => {
        const those = claims.filter((_, index) => all[index]!.shard === shard);
        const places = all.filter((place) => place.shard === shard);
        const answers = textsOf(
          await this.#runner.run(ACKNOWLEDGE, "acknowledge ends", {
            keys: [
              ...[shard.due, shard.holds, shard.ended] as const,
              ...places.flatMap(({ key, takenKey }) => [key, takenKey]),
            ],
            args: those.flatMap(({ fence }, index) => [
              places[index]!.name,
              fence,
            ]),
          }),
        );
        const key = shard.due;
        await this.#replication.tryWait("acknowledge ends", { key, shard });
        for (const [index, { uid }] of those.entries()) {
          if (answers[index] === "1") done.add(uid);
        }
      }),
    );
    return claims.map(({ uid }) => done.has(uid));
  }

  /** As {@linkcode SessionStore.release}. */
  release(
    uid: string,
    fence: string,
    delay: number,
    progress?: EndProgress,
  ): Promise<boolean> {
    const { key, name, shard } = this.#shards.placeOf(uid);
    return this.#isDone(RELEASE, `release the end of session "${uid}"`, {
      keys: [key, shard.due],
      args: [name, fence, delay, CHANNEL, ...encodeProgress(progress)],
    });
  }

  /** As {@linkcode SessionStore.deadLetter}. */
  deadLetter(
    uid: string,
    fence: string,
    why: string,
    progress?: EndProgress,
  ): Promise<boolean> {
    const { key, name, shard } = this.#shards.placeOf(uid);
    return this.#isDone(
      DEAD_LETTER,
      `make a dead letter of the end of session "${uid}"`,
      {
        keys: [
          ...[key, shard.due, shard.deadLetters] as const,
          ...[shard.holds, shard.ended],
        ],
        args: [name, fence, encodeText(why), ...encodeProgress(progress)],
      },
    );
  }

  /** As {@linkcode SessionStore.retryDeadLetter}. */
  retryDeadLetter(uid: string): Promise<boolean> {
    const { key, name, shard } = this.#shards.placeOf(uid);
    return this.#isDone(
      RETRY_DEAD_LETTER,
      `retry the dead letter of session "${uid}"`,
      {
        keys: [
          ...[key, shard.due, shard.deadLetters] as const,
          ...[shard.holds, shard.ended],
        ],
        args: [name, CHANNEL],
      },
    );
  }

  /** As {@linkcode SessionStore.deleteDeadLetter}. */
  deleteDeadLetter(uid: string): Promise<boolean> {
    const { key, takenKey, name, shard } = this.#shards.placeOf(uid);
    return this.#isDone(
      DELETE_DEAD_LETTER,
      `delete the dead letter of session "${uid}"`,
      { keys: [key, takenKey, shard.deadLetters], args: [name] },
    );
  }

  /** Lists the dead letters in some shards, the oldest first. */
  async listDeadLetters(shards: readonly Shard[]): Promise<DeadLetter[]> {
    const lists = await Promise.all(
      askEach(shards, (shard) => this.#listDeadLettersOf(shard)),
    );
    return lists.flat().sort((a, b) => a.since - b.since)
      .map(({ letter }) => letter);
  }

  async #listDeadLettersOf(
    shard: Shard,
  ): Promise<{ letter: DeadLetter; since: number }[]> {
    const listed = textsOf(
      await this.#runner.run(LIST_DEAD_LETTERS, "list the dead letters", {
        keys: [shard.deadLetters],
        args: [],
      }),
    );
    return await Promise.all(
      [...fieldsOf(listed)].map(async ([name, since]) => ({
        letter: await this.#read(shard, name),
        since: Number(since),
      })),
    );
  }

  async #read(shard: Shard, name: string): Promise<DeadLetter> {
    const uid = decodeText(name);
    const [now, list] = listOf(
      await this.#runner.run(READ, `read session "${uid}"`, {
        keys: [shard.session + name],
        args: [],
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
