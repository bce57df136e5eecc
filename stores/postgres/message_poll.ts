/** Milliseconds between two polls. */
const POLL_EVERY = 500;

interface Answer {
  /** The server's clock, in UNIX milliseconds. */
  readonly now: number;
  /** The time at which the next end can be claimed; null without sessions. */
  readonly next: number | string | null;
  /** The number and the text of each message since the last poll, or shortly before. */
  readonly messages: readonly (readonly [number, string])[] | null;
}

/** The callbacks of {@linkcode MessagePoll}. */
export interface MessagePollListener {
  /** Called with each message. */
  onMessage(message: string): void;
  /** Called if an end may be due earlier than known. */
  onDueEarlier(): void;
}

/**
 * Polls for messages if no connection receives them, as behind PgBouncer in
 * transaction mode. The database keeps messages only while nodes poll.
 */
export class MessagePoll {
  readonly #ask: (since: number) => Promise<string | null>;
  readonly #listener: MessagePollListener;
  #running: Promise<void> | undefined = undefined;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  /** The time of the last answer by the server's clock; -1 before the first. */
  #since = -1;
  #next = Infinity;
  /**
   * The messages of the last answer: the next answer repeats the latest of them.
   */
  #known: ReadonlySet<number> = new Set();

  /**
   * @param ask Returns the answer as JSON, with the messages from shortly before
   * `since` on.
   */
  constructor(
    ask: (since: number) => Promise<string | null>,
    listener: MessagePollListener,
  ) {
    this.#ask = ask;
    this.#listener = listener;
  }

  /** Begins to poll; resolves once no later message is missed. */
  start(): Promise<void> {
    return this.#running ??= this.#begin();
  }

  /** Stops polling. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#running = undefined;
  }

  async #begin(): Promise<void> {
    this.#since = -1;
    try {
      await this.#poll();
    } catch (error) {
      this.#running = undefined;
      throw error;
    }
    this.#continue();
  }

  #continue(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#timer = setTimeout(async () => {
      // The server may be away.
      await this.#poll().catch(() => {});
      if (this.#running === running) this.#continue();
    }, POLL_EVERY);
    (this.#timer as { unref?(): void }).unref?.();
  }

  async #poll(): Promise<void> {
    const answer = JSON.parse((await this.#ask(this.#since))!) as Answer;
    if (this.#running === undefined) return;
    const isFirst = this.#since < 0;
    const messages = answer.messages ?? [];
    const next = answer.next === null ? Infinity : Number(answer.next);
    const isEarlier = next < this.#next;
    this.#since = answer.now;
    this.#next = next;
    const known = this.#known;
    this.#known = new Set(messages.map(([number]) => number));
    for (const [number, message] of messages) {
      if (!known.has(number)) this.#listener.onMessage(message);
    }
    if (isEarlier && !isFirst) this.#listener.onDueEarlier();
  }
}
