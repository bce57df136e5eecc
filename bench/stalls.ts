/**
 * Measures the longest time between two turns of the event loop.
 *
 * It uses messages, since a timer of 0 ms takes a millisecond or two itself. Every
 * turn begins with a message from the turn before, so a request that arrives in
 * between waits as long.
 */
export function watchStalls(): {
  /** Stops, and returns the longest time in milliseconds. */
  stop(): number;
} {
  const { port1, port2 } = new MessageChannel();
  let longest = 0;
  let before = performance.now();
  let isOver = false;
  port1.onmessage = () => {
    // A port that is closed with a message in flight stops Deno 2.9's timers.
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

/** Waits without blocking; returns at once for a negative time. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) =>
    setTimeout(resolve, Math.max(0, milliseconds))
  );
}
