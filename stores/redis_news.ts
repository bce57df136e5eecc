import { decodeNumber, decodeText } from "./redis_text.ts";
import type { EndNews } from "./store.ts";

/** When the next end in a shard can be claimed. */
export interface NextNews {
  /** The place of the shard among all. */
  readonly index: number;
  /** Milliseconds. */
  readonly until: number;
  /** Who has just claimed there; undefined if it has become sooner. */
  readonly claimant: string | undefined;
}

/** Who is told what a message says. */
export interface NewsListener {
  /** Called with each end. */
  onEnd(news: EndNews): void;
  /** Called when the next end in a shard is another. */
  onNext(news: NextNews): void;
  /** Called if something in a shard may be due sooner than was thought. */
  onSooner(index: number): void;
}

/**
 * Reads what a script has published: a line for each end, and "next" or "sooner"
 * for when the next in a shard can be claimed.
 *
 * Anything else on the channel is passed over.
 */
export function readNews(message: string, listener: NewsListener): void {
  for (const line of message.split("\n")) {
    const [at, uid, reason, claimant] = line.split("\t");
    if (at === "next" || at === "sooner") {
      const index = Number(uid);
      listener.onNext({
        index,
        until: decodeNumber(reason ?? ""),
        claimant: readText(claimant),
      });
      if (at === "sooner") listener.onSooner(index);
    } else if (at !== undefined) {
      const ended = readText(uid);
      const why = readText(reason);
      if (ended === undefined || why === undefined) continue;
      listener.onEnd({ uid: ended, reason: why, at: decodeNumber(at) });
    }
  }
}

/** Decodes a text; undefined if there is none, or if no script wrote it. */
function readText(kept: string | undefined): string | undefined {
  try {
    return kept === undefined ? undefined : decodeText(kept);
  } catch {
    return undefined;
  }
}
