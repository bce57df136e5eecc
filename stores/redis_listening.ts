import type { RedisClaims } from "./redis_claims.ts";
import type { RedisClient } from "./redis_client.ts";
import { inTime } from "./redis_in_time.ts";
import { type NewsListener, readNews } from "./redis_news.ts";
import { failureTo } from "./redis_runner.ts";
import type { Shard, Shards } from "./redis_shard.ts";
import type { EndNews } from "./store.ts";
import { Watchers } from "./watchers.ts";

/** What closes a connection. */
type Close = () => Promise<void>;

/** The connection that listens for news, of all shards, while any is watched. */
export class RedisListening {
  readonly #client: RedisClient;
  readonly #channel: string;
  readonly #claims: RedisClaims;
  readonly #news: NewsListener;
  /** By the index of the shard. */
  readonly #watchers: readonly Watchers[];
  #opening: Promise<Close> | undefined = undefined;
  #unlisten: (() => void) | undefined = undefined;
  readonly #closing = new Set<Promise<void>>();

  /** @param claims Told when the next ends can be claimed. */
  constructor(
    client: RedisClient,
    channel: string,
    parts: { readonly shards: Shards; readonly claims: RedisClaims },
  ) {
    const { shards, claims } = parts;
    this.#client = client;
    this.#channel = channel;
    this.#claims = claims;
    const watchers = this.#watchers = shards.all.map(() => new Watchers());
    this.#news = {
      onEnd: (news) =>
        watchers[shards.placeOf(news.uid).shard.index]!.tellEnd(news),
      onNext: (news) => claims.noteNext(news),
      onSooner: (index) => watchers[index]?.tellSooner(),
    };
  }

  /**
   * Begins to watch some shards, over one connection for all who watch.
   *
   * @returns stops it; nothing is told from then on.
   */
  async start(
    shards: readonly Shard[],
    onEnd: (news: EndNews) => void,
    onSooner?: () => void,
  ): Promise<() => void> {
    const removes = shards.map(({ index }) =>
      this.#watchers[index]!.add(onEnd, onSooner)
    );
    const remove = () => {
      for (const removeOne of removes) removeOne();
      if (this.#watchers.every(({ size }) => size === 0)) this.#close();
    };
    try {
      await inTime(this.#opening ??= this.#open(), "connect");
    } catch (error) {
      remove();
      throw failureTo("watch for ends", error);
    }
    return remove;
  }

  /** Stops all, and waits until the connection is closed, if its node answers. */
  async stop(): Promise<void> {
    this.#close();
    await inTime(Promise.all(this.#closing), "close").catch(() => {});
  }

  #open(): Promise<Close> {
    const opening = this.#client.subscribe(
      this.#channel,
      (message) => readNews(message, this.#news),
      () => this.#noteGap(),
    ).then((close) => {
      // It may have been stopped meanwhile.
      if (this.#opening === opening) this.#unlisten = this.#claims.listen();
      return close;
    });
    return opening;
  }

  #noteGap(): void {
    this.#claims.noteGap();
    for (const watchers of this.#watchers) watchers.tellSooner();
  }

  #close(): void {
    const opening = this.#opening;
    if (opening === undefined) return;
    this.#opening = undefined;
    this.#unlisten?.();
    this.#unlisten = undefined;
    // A connection that cannot be told to stop has nothing to say any more.
    const closing = opening.then((close) => close()).catch(() => {})
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
