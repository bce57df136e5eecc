import type { RedisClient } from "./redis_client.ts";
import { type NewsListener, readNews } from "./redis_news.ts";
import { failureTo } from "./redis_runner.ts";

/** The connections that listen for news. */
export class RedisListening {
  readonly #client: RedisClient;
  readonly #channel: string;
  /** What closes each that is open. */
  readonly #closes = new Set<() => Promise<void>>();
  readonly #closing = new Set<Promise<void>>();

  constructor(client: RedisClient, channel: string) {
    this.#client = client;
    this.#channel = channel;
  }

  /**
   * Begins to listen, over a connection of its own.
   *
   * @returns stops it; nothing is told from then on.
   */
  async start(listener: NewsListener): Promise<() => void> {
    let isOn = true;
    let close: () => Promise<void>;
    try {
      close = await this.#client.subscribe(
        this.#channel,
        (message) => isOn && readNews(message, listener),
        () => isOn && listener.onGap(),
      );
    } catch (error) {
      throw failureTo("watch for ends", error);
    }
    this.#closes.add(close);
    return () => {
      isOn = false;
      this.#close(close);
    };
  }

  /** Stops all, and waits until the connections are closed. */
  async stop(): Promise<void> {
    for (const close of this.#closes) this.#close(close);
    await Promise.all(this.#closing);
  }

  #close(close: () => Promise<void>): void {
    if (!this.#closes.delete(close)) return;
    // A connection that cannot be told to stop has nothing to say any more.
    const closing = close().catch(() => {})
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
