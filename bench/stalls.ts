/**
 * Watches for the longest time between two turns of the event loop.
 *
 * Messages, since a timer of 0 ms takes a millisecond or two by itself. Every
 * turn begins with a message that was posted in the turn before, so a request
 * that came meanwhile would have waited for as long.
 */
export function watchStalls(): {
  /** Answers the longest so far, in milliseconds. */
  stop(): number;
} {
  const { port1, port2 } = new MessageChannel();
  let longest = 0;
  let before = performance.now();
  let isOver = false;
  port1.onmessage = () => {
    // Closed with a message under way, it holds up Deno 2.9's timers for good.
    if (isOver) return port1.close();
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
    port2.postMessage(undefined);
  };
  port2.postMessage(undefined);
  return {
    stop() {
      isOver = true;
      return longest;
    },
  };
}

/** Waits without holding anything up; not at all for less than nothing. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) =>
    setTimeout(resolve, Math.max(0, milliseconds))
  );
}
