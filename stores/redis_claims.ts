import type { NextNews } from "./redis_news.ts";
import { RedisOutlook } from "./redis_outlook.ts";
import { decodeEnd, fieldsOf } from "./redis_record.ts";
import type { ScriptRunner } from "./redis_runner.ts";
import { CLAIM, READY } from "./redis_scripts.ts";
import type { Shard, Shards } from "./redis_shard.ts";
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
 * Claims ends from all shards in which some may be due.
 *
 * A script must declare its keys, so the first looks which sessions are due, and
 * a second claims them by name, as far as nobody has done so in between. Most of
 * the time nothing is due, and the second is not needed.
 */
export class RedisClaims {
  readonly #runner: ScriptRunner;
  readonly #shards: Shards;
  readonly #channel: string;
  readonly #outlook: RedisOutlook;
  #owner: string | undefined = undefined;

  constructor(runner: ScriptRunner, shards: Shards, channel: string) {
    this.#runner = runner;
    this.#shards = shards;
    this.#channel = channel;
    this.#outlook = new RedisOutlook(shards.all.length);
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

  /** As `SessionStore.claim`. */
  async claim(claimant: Claimant, limit: number): Promise<Claims> {
    this.#owner = claimant.owner;
    for (let tries = 1;; tries++) {
      const claims = await this.#tryClaim(claimant, limit);
      // Whoever was faster has these; there may be more, for which it is worth
      // trying, but not for ever.
      if (claims.ends.length > 0 || claims.nextIn > 0 || tries === TRIES) {
        return claims;
      }
    }
  }

  /** As `SessionStore.nextIn`. */
  async nextIn(): Promise<number> {
    const looks = await this.#lookInto(this.#shards.all, 0);
    return Math.min(...looks.map((look) => look.nextIn));
  }

  async #tryClaim(claimant: Claimant, limit: number): Promise<Claims> {
    const most = Math.min(limit, MOST_AT_ONCE);
    const looks = await this.#lookInto(
      this.#shards.all.filter((shard) => this.#outlook.mayBeDue(shard)),
      most,
    );
    const first = looks.flatMap((look) => look.ready)
      .sort((a, b) => a.due - b.due).slice(0, most);
    const claimed = await Promise.all(looks.map(({ shard }) => {
      const names = first.filter((one) => one.shard === shard)
        .map(({ name }) => name);
      return names.length === 0 ? [] : this.#claimNamed(shard, names, claimant);
    }));
    const ends = new Map(claimed.flat().map((end) => [end.session.uid, end]));
    return {
      ends: first.flatMap(({ name }) => ends.get(decodeText(name)) ?? []),
      nextIn: this.#outlook.nextIn,
    };
  }

  #lookInto(shards: readonly Shard[], most: number): Promise<Look[]> {
    return Promise.all(shards.map((shard) => this.#look(shard, most)));
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

function untilOf(now: unknown, next: unknown): number {
  return Math.max(0, numberOf(next) - numberOf(now));
}
