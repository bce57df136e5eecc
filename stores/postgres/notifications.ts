import type { ChangeNotification, EndNotification } from "../store.ts";
import { Watchers } from "../watchers.ts";
import { ClaimSpread } from "./claim_spread.ts";
import type { PostgresClient } from "./client.ts";
import { MessagePoll } from "./message_poll.ts";

/** Milliseconds before the store listens again; doubled for each further time. */
const FIRST_PAUSE = 100;

/** The longest pause, in milliseconds. */
const LONGEST_PAUSE = 30_000;

/**
 * Milliseconds between two messages of this store to itself. A connection that only
 * listens does not notice a cut network, and a pooler may drop messages. If its own
 * message does not arrive, the store listens again.
 */
const TEST_EVERY = 10_000;

/** Milliseconds within which a message of this store to itself should arrive. */
const ARRIVING = 1000;

/** The number of messages to itself in a row that must arrive before polls stop. */
const ENOUGH_ARRIVED = 6;

/** Milliseconds within which a connection closes if its server answers. */
const CLOSING = 1000;

/** Closes a connection. */
type Close = () => Promise<void>;

/** The calls of the database for notifications. */
export interface NotificationCalls {
  /** Sends messages to the channel: a list of texts, as JSON. */
  send(messages: string): Promise<unknown>;
  /**
   * Reads the messages since shortly before a time, and the time at which the next
   * end is due.
   */
  poll(since: number): Promise<string | null>;
}

/**
 * The connection that listens for notifications, open while there are watchers. If
 * the client cannot listen, or no message arrives, the store polls for messages.
 */
export class PostgresNotifications {
  readonly #client: PostgresClient;
  readonly #channel: string;
  readonly #watchers = new Watchers();
  /** The connection; one that is replaced closes by itself. */
  #listening: Promise<Close> | undefined = undefined;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #pause = FIRST_PAUSE;
  #testTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  readonly #calls: NotificationCalls;
  readonly #poll: MessagePoll;
  /** Messages to send; one statement at a time sends all of them. */
  #outbox: string[] = [];
  #sending: Promise<void> | undefined = undefined;
  /** Begins the messages of this store to itself. */
  readonly #name = `test ${crypto.randomUUID()}`;
  #hasArrived = true;
  /** The messages of this store to itself that arrived without a loss. */
  #arrived = 0;
  readonly #closing = new Set<Promise<void>>();
  #wakeTimer: ReturnType<typeof setTimeout> | undefined = undefined;

  /** Spreads the claims of several nodes. */
  readonly spread: ClaimSpread = new ClaimSpread();

  constructor(
    client: PostgresClient,
    channel: string,
    calls: NotificationCalls,
  ) {
    this.#client = client;
    this.#channel = channel;
    this.#calls = calls;
    this.#poll = new MessagePoll((since) => calls.poll(since), {
      // Its own tests show whether the connection listens.
      onMessage: (message) => message !== this.#name && this.#read(message),
      onDueEarlier: () => this.#watchers.notifyDueEarlier(),
    });
  }

  /** As {@linkcode SessionStore.watch}. */
  async watch(
    onEnd: (notification: EndNotification) => void,
    onDueEarlier?: () => void,
    onChange?: (notification: ChangeNotification) => void,
  ): Promise<() => void> {
    const removeWatcher = this.#watchers.add(onEnd, onDueEarlier, onChange);
    const remove = () => {
      removeWatcher();
      if (this.#watchers.size > 0) return;
      this.#poll.stop();
      this.#close();
    };
    try {
      await (this.#listening ??= this.#listen());
    } catch (error) {
      remove();
      throw error;
    }
    return remove;
  }

  /** Notifies all nodes of an end. */
  notifyEnd(notification: EndNotification): void {
    if (this.#client.listen === undefined) {
      this.#watchers.notifyEnd(notification);
    }
    const { uid, reason, at } = notification;
    this.spread.noteOwn(uid);
    this.#post(JSON.stringify([uid, JSON.stringify(reason), at]));
  }

  /** Notifies all nodes of a change. */
  notifyChange(notification: ChangeNotification): void {
    if (this.#client.listen === undefined) {
      this.#watchers.notifyChange(notification);
    }
    const { uid, version } = notification;
    this.#post(JSON.stringify([uid, version]));
  }

  /** Whether a connection listens, or should. */
  get isListening(): boolean {
    return this.#client.listen !== undefined;
  }

  /** Notifies the watchers of this store of an end that is due earlier. */
  notifyDueEarlier(): void {
    this.#watchers.notifyDueEarlier();
  }

  /** Stops all watching, and waits until the connection is closed. */
  async stop(): Promise<void> {
    this.#poll.stop();
    this.#close();
    const closed = Promise.all([...this.#closing, this.#sending]);
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, CLOSING);
    await Promise.race([closed, late.promise]);
    clearTimeout(timer);
  }

  /**
   * Sends a message after the earlier ones. A message that fails is lost, which is
   * allowed for hints.
   */
  #post(message: string): void {
    this.#outbox.push(message);
    this.#sending ??= this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    while (this.#outbox.length > 0) {
      const messages = JSON.stringify(this.#outbox);
      this.#outbox = [];
      try {
        await this.#calls.send(messages);
      } catch {
        // The server is away: its nodes look for ends when it is back.
      }
    }
    this.#sending = undefined;
  }

  #listen(): Promise<Close> {
    const isCurrent = (): boolean => this.#listening === listening;
    const listening: Promise<Close> = this.#client.listen === undefined
      ? this.#poll.start().then(() => () => Promise.resolve())
      : this.#client.listen(this.#channel, {
        onMessage: (message) => isCurrent() && this.#read(message),
        onGap: () => isCurrent() && this.#watchers.notifyDueEarlier(),
        onLost: () => isCurrent() && this.#recover(),
      });
    listening.then(() => {
      if (isCurrent() && this.#client.listen !== undefined) this.#test(true);
    }, () => {
      if (isCurrent()) this.#listening = undefined;
    });
    return listening;
  }

  /**
   * Sends a message to this store itself. If it does not come soon, the store polls; if
   * it has not come by the next time, the store listens again.
   */
  #test(isFirst: boolean): void {
    if (!isFirst && !this.#hasArrived) return this.#recover();
    this.#hasArrived = false;
    this.#post(this.#name);
    this.#testTimer = unrefTimer(() => {
      if (!this.#hasArrived) this.#startPolls();
      const next = TEST_EVERY - ARRIVING;
      this.#testTimer = unrefTimer(() => this.#test(false), next);
    }, ARRIVING);
  }

  #startPolls(): void {
    this.#arrived = 0;
    this.#poll.start().catch(() => {
      // The server is away. A later test shows that it is back.
    });
  }

  /** Listens again after a while; notifications may have been lost meanwhile. */
  #recover(): void {
    this.#close();
    const again = async () => {
      this.#timer = undefined;
      if (this.#watchers.size === 0) return;
      const listening = this.#listening = this.#listen();
      try {
        await listening;
        this.#watchers.notifyDueEarlier();
      } catch {
        if (this.#listening === undefined) later();
      }
    };
    const later = () => {
      this.#timer = unrefTimer(again, this.#pause);
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    };
    later();
  }

  /**
   * Reads a message: "" for an earlier deadline, a test of this store, or a list as JSON with the uid and
   * version of a change, or with the uid, reason and time of an end.
   */
  #read(message: string): void {
    if (message === "") return this.#wake();
    if (message === this.#name) {
      this.#hasArrived = true;
      this.#pause = FIRST_PAUSE;
      if (++this.#arrived === ENOUGH_ARRIVED) this.#poll.stop();
      return;
    }
    try {
      const [uid, what, at] = JSON.parse(message) as [string, unknown, unknown];
      if (typeof what === "number") {
        this.#watchers.notifyChange({ uid, version: what });
      } else {
        const reason = JSON.parse(String(what));
        this.spread.noteEnd(uid);
        this.#watchers.notifyEnd({ uid, reason, at: Number(at) });
      }
    } catch {
      // Not a message of a store.
    }
  }

  /** Notifies the watchers, after the node that has made an end due earlier. */
  #wake(): void {
    if (this.#wakeTimer !== undefined) return;
    const pause = this.spread.pause();
    if (pause === 0) return this.#watchers.notifyDueEarlier();
    this.#wakeTimer = unrefTimer(() => {
      this.#wakeTimer = undefined;
      this.#watchers.notifyDueEarlier();
    }, pause);
  }

  #close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#testTimer);
    clearTimeout(this.#wakeTimer);
    this.#timer = this.#testTimer = this.#wakeTimer = undefined;
    const listening = this.#listening;
    if (listening === undefined) return;
    this.#listening = undefined;
    const closing = listening.then((close) => close()).catch(() => {})
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/** Sets a timer that keeps no process alive. */
function unrefTimer(
  callback: () => void,
  delay: number,
): ReturnType<typeof setTimeout> {
  const timer = setTimeout(callback, delay);
  (timer as { unref?(): void }).unref?.();
  return timer;
}
