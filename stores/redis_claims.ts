import type { NextNews } from "./redis_news.ts";
import { askEach } from "./redis_in_time.ts";
import { RedisOutlook } from "./redis_outlook.ts";
import { decodeEnd, fieldsOf } from "./redis_record.ts";
import type { ScriptRunner } from "./redis_runner.ts";
import { CLAIM, READY } from "./redis_scripts.ts";
import type { Shard } from "./redis_shard.ts";
import {
  decodeText,
  encodeText,
  listOf,
  numberOf,
  textOf,
  textsOf,
} from "./redis_text.ts";
import type { Claimant, ClaimedEnd, Claims } from "./store.ts";

/** While it claims, Redis does nothing else. */
const MOST_AT_ONCE = 1000;

/** How often it looks again when others have claimed what it saw. */
const TRIES = 5;

/**
 * Claims ends from shards in which some may be due.
 *
 * A script must declare its keys, so the first looks which sessions are due, and
 * a second claims them by name, as far as nobody has done so in between. Most of
 * the time nothing is due, and the second is not needed.
 */
export class RedisClaims {
  readonly #runner: ScriptRunner;
  readonly #channel: string;
  readonly #outlook: RedisOutlook;
  #owner: string | undefined = undefined;

  constructor(
    runner: ScriptRunner,
    shards: readonly Shard[],
    channel: string,
  ) {
    this.#runner = runner;
    this.#channel = channel;
    this.#outlook = new RedisOutlook(shards.length);
  }

  /** What is heard from now on is told here; answers what ends that. */
  listen(): () => void {
    return this.#outlook.listen();
  }

  /** Some news may not have come. */
  noteGap(): void {
    this.#outlook.forget();
  }

  /** When the next in a shard can be claimed, as was heard. */
  noteNext(news: NextNews): void {
    this.#outlook.note(news, this.#owner);
  }

  /** As `SessionStore.claim`, for the ends in some shards. */
  async claim(
    claimant: Claimant,
    limit: number,
    shards: readonly Shard[],
  ): Promise<Claims> {
    this.#owner = claimant.owner;
    for (let tries = 1;; tries++) {
      const claims = await this.#tryClaim(claimant, limit, shards);
      // Whoever was faster has these; there may be more, for which it is worth
      // trying, but not for ever.
      if (claims.ends.length > 0 || claims.nextIn > 0 || tries === TRIES) {
        return claims;
      }
    }
  }

  /** As `SessionStore.nextIn`, for the ends in some shards. */
  async nextIn(shards: readonly Shard[]): Promise<number> {
    const looks = await Promise.all(
      askEach(shards, (shard) => this.#look(shard, 0)),
    );
    return Math.min(...looks.map((look) => look.nextIn));
  }

  async #tryClaim(
    claimant: Claimant,
    limit: number,
    shards: readonly Shard[],
  ): Promise<Claims> {
    const most = Math.min(limit, MOST_AT_ONCE);
    const looks = await Promise.allSettled(
      askEach(shards, async (shard) => {
        if (!this.#outlook.mayBeDue(shard)) return [];
        return (await this.#look(shard, most)).ready;
      }),
    );
    const first = valuesOf(looks).flat()
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
    // What has been claimed has to be told, whatever failed beside it.
    const failed = [...looks, ...claimed].find(isRejected);
    if (ends.size === 0 && failed !== undefined) throw failed.reason;
    return {
      ends: first.flatMap(({ name }) => ends.get(decodeText(name)) ?? []),
      nextIn: this.#outlook.nextIn(shards),
    };
  }

  async #look(shard: Shard, most: number): Promise<Look> {
    const answered = this.#outlook.look(shard);
    const [now, next, list] = listOf(
      await this.#runner.run(READY, "look for ends", {
        keys: [shard.due],
        words: [String(most)],
      }),
    );
    const ready = [...fieldsOf(textsOf(list))].map(([name, due]) => ({
      shard,
      name,
      due: Number(due),
    }));
    const nextIn = untilOf(now, next);
    answered(nextIn);
    return { shard, ready, nextIn };
  }

  async #claimNamed(
    shard: Shard,
    names: readonly string[],
    { owner, lease }: Claimant,
  ): Promise<ClaimedEnd[]> {
    const answered = this.#outlook.look(shard);
    const sessions = names.map((name) => shard.session + name);
    const [now, next, ends] = listOf(
      await this.#runner.run(CLAIM, "claim ends", {
        keys: [shard.due, shard.principals, ...sessions],
        words: [this.#channel, encodeText(owner)],
        numbers: [lease],
        more: names,
      }),
    );
    answered(untilOf(now, next));
    return listOf(ends).map((end) => {
      const [name, fields] = listOf(end);
      const uid = decodeText(textOf(name));
      return decodeEnd(uid, fieldsOf(textsOf(fields)), numberOf(now));
    });
  }
}

/** What can be claimed in a shard, and in how many milliseconds more can. */
interface Look extends Pick<Claims, "nextIn"> {
  readonly shard: Shard;
  readonly ready: readonly {
    readonly shard: Shard;
    readonly name: string;
    /** Since when it can be claimed, by the clock of its node. */
    readonly due: number;
  }[];
}

function valuesOf<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  return results.flatMap((result) =>
    result.status === "fulfilled" ? [result.value] : []
  );
}

function isRejected(
  result: PromiseSettledResult<unknown>,
): result is PromiseRejectedResult {
  return result.status === "rejected";
}

function untilOf(now: unknown, next: unknown): number {
  return Math.max(0, numberOf(next) - numberOf(now));
}
