import type { Backend } from "./backend.ts";
import type { Fleet } from "./fleet.ts";

/** Something that went wrong on purpose; times are UNIX milliseconds. */
export interface Fault {
  readonly kind: "kill" | "restart" | "silence" | "break";
  readonly from: number;
  /** When it was over; whatever it has delayed is over later. */
  readonly to: number;
}

/** When things go wrong, in milliseconds. */
export interface FaultOptions {
  readonly processes: number;
  /** For how long. */
  readonly lasting: number;
  /** Between two nodes that are killed, on average. */
  readonly killEvery: number;
  /** Between two faults of the store, on average; kills go on meanwhile. */
  readonly storeFaultEvery: number;
  /** How long the line is cut. */
  readonly cut: number;
}

/** Has things go wrong for a while; answers what did. */
export async function causeFaults(
  options: FaultOptions,
  { fleet, backend }: { readonly fleet: Fleet; readonly backend: Backend },
): Promise<Fault[]> {
  const { processes, lasting, killEvery, storeFaultEvery, cut } = options;
  const until = Date.now() + lasting;
  const faults: Fault[] = [];
  const note = async (kind: Fault["kind"], act: () => Promise<void>) => {
    const from = Date.now();
    await act();
    faults.push({ kind, from, to: Date.now() });
  };
  const killNodes = async () => {
    for (;;) {
      const wait = killEvery * (0.5 + Math.random());
      if (Date.now() + wait >= until) return;
      await pause(wait);
      const node = Math.floor(Math.random() * processes);
      await note("kill", async () => {
        await fleet.kill(node);
        await pause(Math.random() * killEvery / 8);
        await fleet.start(node);
      });
    }
  };
  const disturbStore = async () => {
    const { restart, cut: cutLine, mend } = backend;
    if (restart === undefined) return;
    const kinds = ["restart", "silence", "break"] as const;
    for (let turn = 0;; turn++) {
      const wait = storeFaultEvery * (0.75 + Math.random() / 2);
      if (Date.now() + wait >= until) return;
      await pause(wait);
      const kind = kinds[turn % kinds.length]!;
      await note(kind, async () => {
        if (kind === "restart") return await restart(Math.random() * cut / 5);
        cutLine?.(kind);
        await pause(cut);
        mend?.();
      });
    }
  };
  await Promise.all([killNodes(), disturbStore()]);
  return faults;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
