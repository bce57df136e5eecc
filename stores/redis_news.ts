import { decodeNumber, decodeText } from "./redis_text.ts";
import type { EndNews } from "./store.ts";

/** Who is told what a message says. */
export interface NewsListener {
  /** Called with each end. */
  onEnd(news: EndNews): void;
  /** Called if something may be due sooner than was thought. */
  onSooner(): void;
}

/**
 * Reads what a script has published: a line for each end, and "sooner".
 *
 * Anything else on the channel is passed over.
 */
export function readNews(message: string, listener: NewsListener): void {
  for (const line of message.split("\n")) {
    const [at, uid, reason] = line.split("\t");
    if (line === "sooner") {
      listener.onSooner();
    } else if (at !== undefined && uid !== undefined && reason !== undefined) {
      listener.onEnd({
        uid: decodeText(uid),
        reason: decodeText(reason),
        at: decodeNumber(at),
      });
    }
  }
}
