import { describe } from "./describe.ts";

/**
 * Finds out whether another worker of this process serves what this one does,
 * and calls back once if so; each of them does.
 *
 * It keeps no process alive. Other processes are not heard.
 *
 * @param name What is served.
 * @param onSibling Called when the first has been heard.
 * @param onError Told if workers cannot hear each other.
 * @returns stops it.
 */
export function listenForSiblings(
  name: string,
  onSibling: () => void,
  onError: (error: unknown) => void,
): () => void {
  let isStopped = false;
  let close = () => {};
  // The global one has no unref(), and would keep the process; and whoever has
  // no siblings to fear need not load it.
  import("node:worker_threads").then(({ BroadcastChannel }) => {
    if (isStopped) return;
    const channel = new BroadcastChannel(`@curfew/web ${name}`);
    close = () => channel.close();
    let isAlone = true;
    channel.onmessage = (event) => {
      const { data } = event as MessageEvent;
      // Whoever comes later has not heard this one yet.
      if (data === "who is there") channel.postMessage("a sibling");
      if (isAlone) onSibling();
      isAlone = false;
    };
    channel.unref();
    channel.postMessage("who is there");
  }).catch((cause) => {
    onError(
      new Error(`Cannot listen for workers that serve ${describe(name)}`, {
        cause,
      }),
    );
  });
  return () => {
    isStopped = true;
    close();
  };
}
