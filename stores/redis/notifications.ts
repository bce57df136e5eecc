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

/**
 * The connections that listen, open while any of their shards is watched: one to all
 * shards, or one to each.
 */
export class RedisNotifications {
  readonly #client: RedisClient;
  readonly #channel: NotificationChannel;
  readonly #claims: RedisClaims;
  readonly #shards: readonly Shard[];
  readonly #listener: NotificationListener;
  /** The watchers of each shard by its index. */
  readonly #watchers: readonly Watchers[];
  /** The connections by their shard; the one to all shards is that of shard 0. */
  readonly #openings = new Map<number, Promise<Close>>();
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
    this.#shards = shards.all;
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
      this.#closeUnused();
    };
    try {
      const { isSharded } = this.#channel;
      const places = isSharded ? shards.map(({ index }) => index) : [0];
      await inTime(
        Promise.all(places.map((place) => this.#open(place))),
        "connect",
      );
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
    for (const place of [...this.#openings.keys()]) this.#close(place);
    await inTime(Promise.all(this.#closing), "close").catch(() => {});
  }

  #open(place: number): Promise<Close> {
    const open = this.#openings.get(place);
    if (open !== undefined) return open;
    const opening = this.#subscribe(place).then((close) => {
      // The connection may have been closed meanwhile.
      if (this.#openings.get(place) === opening) {
        this.#setListening(true, place);
      }
      return close;
    });
    this.#openings.set(place, opening);
    return opening;
  }

  async #subscribe(place: number): Promise<Close> {
    const client = this.#client;
    const { due } = this.#shards[place]!;
    const channel = await this.#channel.nameFor(due);
    const onMessage = (message: string) =>
      readNotifications(message, this.#listener);
    const onGap = () => this.#recoverFromGap();
    return await (this.#channel.isSharded
      ? client.subscribeSharded!(channel, onMessage, onGap)
      : client.subscribe(channel, onMessage, onGap));
  }

  #recoverFromGap(): void {
    this.#claims.nextDue.clear();
    for (const watchers of this.#watchers) watchers.notifyDueEarlier();
  }

  #setListening(isListening: boolean, place: number): void {
    const index = this.#channel.isSharded ? place : undefined;
    this.#claims.nextDue.setListening(isListening, index);
  }

  /** Closes the connections whose shards have no watchers. */
  #closeUnused(): void {
    const hasWatchers = ({ size }: Watchers) => size > 0;
    for (const place of [...this.#openings.keys()]) {
      const isUsed = this.#channel.isSharded
        ? hasWatchers(this.#watchers[place]!)
        : this.#watchers.some(hasWatchers);
      if (!isUsed) this.#close(place);
    }
  }

  #close(place: number): void {
    const opening = this.#openings.get(place);
    if (opening === undefined) return;
    this.#openings.delete(place);
    this.#setListening(false, place);
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
