import type {
  ChangeNotification,
  Claimant,
  Claims,
  DeadLetter,
  EndNotification,
  StoreCounts,
  StorePart,
} from "../store.ts";
import { decodeText, encodeText, numberOf, textsOf } from "./encoding.ts";
import type { RedisClaims } from "./end_claims.ts";
import type { RedisEnds } from "./ends.ts";
import type { RedisNotifications } from "./notifications.ts";
import { fieldsOf } from "./record_codec.ts";
import type { ScriptRunner } from "./script_runner.ts";
import { COUNT, UIDS_OF } from "./session_scripts.ts";
import type { Shard } from "./shards.ts";
import { askEach } from "./time_limit.ts";

/**
 * The most sessions in a shard whose deadlines have passed that a count looks at:
 * Redis serves no other command meanwhile, for some milliseconds.
 */
const MOST_COUNTED = 10_000;

/** One shard of a `RedisStore`. It is away while its node is away. */
export interface RedisPart extends StorePart {
  /** Lists the dead letters of this shard, the oldest first. */
  listDeadLetters(): Promise<DeadLetter[]>;
}

/** The parts of a store through which a group of shards is called. */
export interface ShardTools {
  readonly runner: ScriptRunner;
  readonly claims: RedisClaims;
  readonly ends: RedisEnds;
  readonly notifications: RedisNotifications;
}

/** Shards that are called together: a single one, or all. */
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
            args: [encodeText(principal)],
          }),
        )),
    );
    // A reply has the creation before the uid, which names the pair.
    return lists.flatMap((list) => [...fieldsOf(list.reverse())])
      .sort(([, a], [, b]) => Number(a) - Number(b))
      .map(([name]) => decodeText(name));
  }

  async count(): Promise<StoreCounts> {
    const counts = await Promise.all(
      askEach(this.#shards, async ({ due, holds, ended }) =>
        textsOf(
          await this.#tools.runner.run(COUNT, "count sessions", {
            keys: [due, holds, ended],
            args: [MOST_COUNTED],
          }),
        ).map(numberOf)),
    );
    const sum = (index: 0 | 1) =>
      counts.reduce((sum, count) => sum + count[index]!, 0);
    return { sessions: sum(0), ends: sum(1) };
  }

  watch(
    onEnd: (notification: EndNotification) => void,
    onDueEarlier?: () => void,
    onChange?: (notification: ChangeNotification) => void,
  ): Promise<() => void> {
    const { notifications } = this.#tools;
    return notifications.watch(this.#shards, onEnd, onDueEarlier, onChange);
  }

  listDeadLetters(): Promise<DeadLetter[]> {
    return this.#tools.ends.listDeadLetters(this.#shards);
  }
}
