import type { Backend } from "./backend.ts";
import type { Fleet } from "./fleet.ts";
import type { StoreFault } from "./store_faults.ts";

/** A fault that was caused on purpose; times are UNIX milliseconds. */
export interface Fault {
  readonly kind: "kill" | StoreFault;
  readonly from: number;
  /** The end of the fault; its delays last longer. */
  readonly to: number;
}

/** The times of faults, in milliseconds. */
export interface FaultOptions {
  readonly processes: number;
  /** The time in which faults occur. */
  readonly lasting: number;
  /** The average time between two kills of nodes. */
  readonly killEvery: number;
  /** The average time between two faults of the store; kills go on meanwhile. */
  readonly storeFaultEvery: number;
  /** The longest duration of a fault of the store, without its recovery. */
  readonly storeFaultFor: number;
}

/** Causes faults for a while, and returns them. */
export async function causeFaults(
  options: FaultOptions,
  { fleet, backend }: { readonly fleet: Fleet; readonly backend: Backend },
): Promise<Fault[]> {
  const { processes, lasting, killEvery, storeFaultEvery, storeFaultFor } =
    options;
  const until = Date.now() + lasting;
  const faults: Fault[] = [];
  const record = async (kind: Fault["kind"], act: () => Promise<void>) => {
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
      await record("kill", async () => {
        await fleet.kill(node);
        await pause(Math.random() * killEvery / 8);
        await fleet.start(node);
      });
    }
  };
  const disturbStore = async () => {
    const ways = Object.entries(backend.faults);
    for (let turn = 0; ways.length > 0; turn++) {
      const wait = storeFaultEvery * (0.75 + Math.random() / 2);
      // Of the first two kinds there is one each, however long a store takes.
      if (Date.now() + wait >= until && turn >= 2) return;
      await pause(wait);
      const [kind, cause] = ways[turn % ways.length]!;
      await record(kind as StoreFault, () => cause(storeFaultFor));
    }
  };
  await Promise.all([killNodes(), disturbStore()]);
  return faults;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
