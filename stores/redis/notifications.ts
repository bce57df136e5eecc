import type { ChangeNotification, EndNotification } from "../store.ts";
import { Watchers } from "../watchers.ts";
import type { NotificationChannel } from "./channel.ts";
import type { RedisClient } from "./client.ts";
import { decodeNumber, decodeText } from "./encoding.ts";
import type { RedisClaims } from "./end_claims.ts";
import type { NextDue } from "./next_due.ts";
import { failureTo } from "./script_runner.ts";
import type { Shard, Shards } from "./shards.ts";
import { inTime } from "./time_limit.ts";

/** The callbacks of {@linkcode readNotifications}. */
export interface NotificationListener {
  /** Called with each end. */
  onEnd(notification: EndNotification): void;
  /** Called with the time at which the next end in a shard can be claimed. */
  onNext(next: NextDue): void;
  /** Called with each change. */
  onChange(notification: ChangeNotification): void;
  /** Called with the index of a shard in which an end may be due earlier. */
  onDueEarlier(index: number): void;
}

/** Closes a connection. */
type Close = () => Promise<void>;

/** The connection that listens to all shards, open while any is watched. */
export class RedisNotifications {
  readonly #client: RedisClient;
  readonly #channel: NotificationChannel;
  readonly #claims: RedisClaims;
  readonly #listener: NotificationListener;
  /** The watchers of each shard by its index. */
  readonly #watchers: readonly Watchers[];
  #opening: Promise<Close> | undefined = undefined;
  readonly #closing = new Set<Promise<void>>();

  /** @param parts The shards, and the claims whose cache of due ends is updated. */
  constructor(
    client: RedisClient,
    channel: NotificationChannel,
    parts: { readonly shards: Shards; readonly claims: RedisClaims },
  ) {
    const { shards, claims } = parts;
    this.#client = client;
    this.#channel = channel;
    this.#claims = claims;
    const watchers = this.#watchers = shards.all.map(() => new Watchers());
    this.#listener = {
      onEnd(notification) {
        const { shard } = shards.placeOf(notification.uid);
        watchers[shard.index]!.notifyEnd(notification);
      },
      onChange(notification) {
        const { shard } = shards.placeOf(notification.uid);
        watchers[shard.index]!.notifyChange(notification);
      },
      onNext: (next) => claims.nextDue.record(next, claims.owner),
      onDueEarlier: (index) => watchers[index]?.notifyDueEarlier(),
    };
  }

  /** As {@linkcode SessionStore.watch}, for some shards. */
  async watch(
    shards: readonly Shard[],
    onEnd: (notification: EndNotification) => void,
    onDueEarlier?: () => void,
    onChange?: (notification: ChangeNotification) => void,
  ): Promise<() => void> {
    const removes = shards.map(({ index }) =>
      this.#watchers[index]!.add(onEnd, onDueEarlier, onChange)
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

  /**
   * Stops all watching, and waits until the connection is closed, if its node
   * answers.
   */
  async stop(): Promise<void> {
    this.#close();
    await inTime(Promise.all(this.#closing), "close").catch(() => {});
  }

  #open(): Promise<Close> {
    const opening = this.#subscribe().then((close) => {
      // The connection may have been closed meanwhile.
      if (this.#opening === opening) this.#claims.nextDue.setListening(true);
      return close;
    });
    return opening;
  }

  async #subscribe(): Promise<Close> {
    return await this.#client.subscribe(
      await this.#channel.name,
      (message) => readNotifications(message, this.#listener),
      () => this.#recoverFromGap(),
    );
  }

  #recoverFromGap(): void {
    this.#claims.nextDue.clear();
    for (const watchers of this.#watchers) watchers.notifyDueEarlier();
  }

  #close(): void {
    const opening = this.#opening;
    if (opening === undefined) return;
    this.#opening = undefined;
    this.#claims.nextDue.setListening(false);
    // A connection that fails to close has no watchers any more.
    const closing = opening.then((close) => close()).catch(() => {})
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/**
 * Reads a message that a script has published: a line for each end, a line
 * "changed" for each change, and a line "next" or "earlier" with the time at which
 * the next end in a shard can be claimed.
 *
 * It ignores other messages on the channel.
 */
export function readNotifications(
  message: string,
  listener: NotificationListener,
): void {
  for (const line of message.split("\n")) {
    const [kind, ...words] = line.split("\t");
    if (kind === "next" || kind === "earlier") {
      const [index = "", until = "", claimant] = words;
      listener.onNext({
        index: Number(index),
        until: decodeNumber(until),
        claimant: readText(claimant),
      });
      if (kind === "earlier") listener.onDueEarlier(Number(index));
    } else if (kind === "changed") {
      const [uid, version = ""] = words;
      const changed = readText(uid);
      if (changed === undefined) continue;
      listener.onChange({ uid: changed, version: decodeNumber(version) });
    } else if (kind !== undefined) {
      const [uid, reason] = words.map(readText);
      if (uid === undefined || reason === undefined) continue;
      listener.onEnd({ uid, reason, at: decodeNumber(kind) });
    }
  }
}

/** Decodes a text; undefined if it is absent, or was not written by a script. */
function readText(encoded: string | undefined): string | undefined {
  try {
    return encoded === undefined ? undefined : decodeText(encoded);
  } catch {
    return undefined;
  }
}
