import type { RedisClaims } from "./redis_claims.ts";
import type { RedisEnds } from "./redis_ends.ts";
import { askEach } from "./redis_in_time.ts";
import type { RedisListening } from "./redis_listening.ts";
import { fieldsOf } from "./redis_record.ts";
import type { ScriptRunner } from "./redis_runner.ts";
import { UIDS_OF } from "./redis_scripts.ts";
import type { Shard } from "./redis_shard.ts";
import { decodeText, encodeText, textsOf } from "./redis_text.ts";
import type {
  AsideEnd,
  Claimant,
  Claims,
  EndNews,
  StorePart,
} from "./store.ts";

/** One shard of a `RedisStore`; it is away while its node is. */
export interface RedisPart extends StorePart {
  /** Lists the ends of this shard that have been put aside, oldest first. */
  listAside(): Promise<AsideEnd[]>;
}

/** What is needed to ask shards. */
export interface ShardTools {
  readonly runner: ScriptRunner;
  readonly claims: RedisClaims;
  readonly ends: RedisEnds;
  readonly listening: RedisListening;
}

/** Some shards, which are asked together: one of them, or all. */
export class ShardGroup implements RedisPart {
  readonly name: string;
  readonly #shards: readonly Shard[];
  readonly #tools: ShardTools;

  constructor(name: string, shards: readonly Shard[], tools: ShardTools) {
    this.name = name;
    this.#shards = shards;
    this.#tools = tools;
  }

  claim(claimant: Claimant, limit: number): Promise<Claims> {
    return this.#tools.claims.claim(claimant, limit, this.#shards);
  }

  nextIn(): Promise<number> {
    return this.#tools.claims.nextIn(this.#shards);
  }

  async uidsOf(principal: string): Promise<string[]> {
    const call = "list the sessions of a principal";
    const lists = await Promise.all(
      askEach(this.#shards, async ({ principals, due }) =>
        textsOf(
          await this.#tools.runner.run(UIDS_OF, call, {
            keys: [principals, due],
            words: [encodeText(principal)],
          }),
        )),
    );
    return lists.flatMap((list) => [...fieldsOf(swap(list))])
      .sort(([, a], [, b]) => Number(a) - Number(b))
      .map(([name]) => decodeText(name));
  }

  watch(
    onEnd: (news: EndNews) => void,
    onSooner?: () => void,
  ): Promise<() => void> {
    return this.#tools.listening.start(this.#shards, onEnd, onSooner);
  }

  listAside(): Promise<AsideEnd[]> {
    return this.#tools.ends.listAside(this.#shards);
  }
}

/** Names after values becomes values after names. */
function swap(list: readonly string[]): string[] {
  return [...list].reverse();
}
