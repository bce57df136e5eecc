/**
 * Calls back at the first signal to stop; the next one has its default effect.
 *
 * @returns a function that removes the listeners.
 */
export function onceOnSignal(callback: () => void): () => void {
  const signals = stopSignals();
  const listener = () => {
    ignore();
    callback();
  };
  const ignore = () => {
    for (const signal of signals) Deno.removeSignalListener(signal, listener);
  };
  for (const signal of signals) Deno.addSignalListener(signal, listener);
  return ignore;
}

/**
 * Returns the signals that ask a server to stop: Ctrl-C, a terminal that closes, a
 * supervisor. Windows has no SIGTERM.
 */
function stopSignals(): readonly Deno.Signal[] {
  const both: Deno.Signal[] = ["SIGINT", "SIGHUP"];
  return Deno.build.os === "windows" ? both : [...both, "SIGTERM"];
}
