import type { Claimant, ClaimedEnd, Claims } from "../store.ts";
import {
  decodeText,
  encodeText,
  listOf,
  numberOf,
  textOf,
  textsOf,
} from "./encoding.ts";
import { CLAIM, READY } from "./end_scripts.ts";
import { NextDueCache } from "./next_due.ts";
import { decodeEnd, fieldsOf } from "./record_codec.ts";
import type { Replication } from "./replication.ts";
import { CHANNEL, type ScriptRunner } from "./script_runner.ts";
import type { Shard, Shards } from "./shards.ts";
import { askEach } from "./time_limit.ts";

/** The most ends of one claim: Redis serves no other command meanwhile. */
const MOST_AT_ONCE = 1000;

/** The most tries of a claim while other nodes are faster. */
const TRIES = 5;

/**
 * Claims ends from shards in which some may be due.
 *
 * A script must declare its keys. So a first one lists the sessions that are due,
 * and a second claims them by name, except those that another node has claimed
 * meanwhile. Most of the time nothing is due, and the second is not needed.
 */
export class RedisClaims {
  /** When the next ends can be claimed. */
  readonly nextDue: NextDueCache;
  readonly #runner: ScriptRunner;
  readonly #replication: Replication;
  #owner: string | undefined = undefined;

  constructor(
    runner: ScriptRunner,
    tools: { readonly shards: Shards; readonly replication: Replication },
  ) {
    this.#runner = runner;
    this.#replication = tools.replication;
    this.nextDue = new NextDueCache(tools.shards.all.length);
  }

  /** The name of this node in its claims; undefined before the first claim. */
  get owner(): string | undefined {
    return this.#owner;
  }

  /** As {@linkcode SessionStore.claim}, for the ends in some shards. */
  async claim(
    claimant: Claimant,
    limit: number,
    shards: readonly Shard[],
  ): Promise<Claims> {
    this.#owner = claimant.owner;
    for (let tries = 1;; tries++) {
      const claims = await this.#tryClaim(claimant, limit, shards);
      // Another node may have been faster while there are more ends to claim.
      if (claims.ends.length > 0 || claims.nextIn > 0 || tries === TRIES) {
        return claims;
      }
    }
  }

  /** As {@linkcode SessionStore.nextIn}, for the ends in some shards. */
  async nextIn(shards: readonly Shard[]): Promise<number> {
    const polls = await Promise.all(
      askEach(shards, (shard) => this.#poll(shard, 0)),
    );
    return Math.min(...polls.map(({ nextIn }) => nextIn));
  }

  async #tryClaim(
    claimant: Claimant,
    limit: number,
    shards: readonly Shard[],
  ): Promise<Claims> {
    const most = Math.min(limit, MOST_AT_ONCE);
    const polls = await Promise.allSettled(
      askEach(shards, async (shard) => {
        if (!this.nextDue.needsPoll(shard)) return [];
        return (await this.#poll(shard, most)).ready;
      }),
    );
    const first = valuesOf(polls).flat()
      .sort((a, b) => a.due - b.due).slice(0, most);
    const claimed = await Promise.allSettled(
      askEach(shards, async (shard) => {
        const names = first.filter((one) => one.shard === shard)
          .map(({ name }) => name);
        if (names.length === 0) return [];
        return await this.#claimNamed(shard, names, claimant);
      }),
    );
    const ends = new Map(
      valuesOf(claimed).flat().map((end) => [end.session.uid, end]),
    );
    // Claimed ends have to be delivered, even if another shard has failed.
    const failed = [...polls, ...claimed].find(({ status }) =>
      status === "rejected"
    ) as PromiseRejectedResult | undefined;
    if (ends.size === 0 && failed !== undefined) throw failed.reason;
    return {
      ends: first.flatMap(({ name }) => ends.get(decodeText(name)) ?? []),
      nextIn: this.nextDue.nextIn(shards),
    };
  }

  async #poll(shard: Shard, most: number): Promise<Poll> {
    const recordAnswer = this.nextDue.startPoll(shard);
    const [now, next, list] = listOf(
      await this.#runner.run(READY, "look for ends", {
        keys: [shard.due],
        args: [most],
      }),
    );
    const ready = [...fieldsOf(textsOf(list))].map(([name, due]) => ({
      shard,
      name,
      due: Number(due),
    }));
    const nextIn = untilOf(now, next);
    recordAnswer(nextIn);
    return { ready, nextIn };
  }

  async #claimNamed(
    shard: Shard,
    names: readonly string[],
    { owner, lease }: Claimant,
  ): Promise<ClaimedEnd[]> {
    const recordAnswer = this.nextDue.startPoll(shard);
    const sessions = names.map((name) => shard.session + name);
    const [now, next, ends] = listOf(
      await this.#runner.run(CLAIM, "claim ends", {
        keys: [
          ...[shard.due, shard.principals] as const,
          ...[shard.holds, shard.ended, ...sessions],
        ],
        args: [CHANNEL, encodeText(owner), lease, ...names],
      }),
    );
    recordAnswer(untilOf(now, next));
    const claimed = listOf(ends);
    // A primary whose replica takes over may lose the claim.
    if (claimed.length > 0) {
      await this.#replication.tryWait("claim ends", { key: shard.due, shard });
    }
    return claimed.map((end) => {
      const [name, fields] = listOf(end);
      const uid = decodeText(textOf(name));
      return decodeEnd(uid, fieldsOf(textsOf(fields)), numberOf(now));
    });
  }
}

/**
 * The uids that can be claimed in a shard, and the milliseconds until there are
 * more.
 */
interface Poll extends Pick<Claims, "nextIn"> {
  readonly ready: readonly {
    readonly shard: Shard;
    readonly name: string;
    /**
     * The time since which the end can be claimed, by the clock of the shard's
     * node.
     */
    readonly due: number;
  }[];
}

function valuesOf<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  return results.flatMap((result) =>
    result.status === "fulfilled" ? [result.value] : []
  );
}

function untilOf(now: unknown, next: unknown): number {
  return Math.max(0, numberOf(next) - numberOf(now));
}
