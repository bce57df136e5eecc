/**
 * Measures a store in SQLite: microseconds per call, bytes per session.
 *
 *     deno task bench:sqlite [count]
 *
 * @module
 */

import { newSession, TOUCH } from "./new_session.ts";
import process from "node:process";
import { MemoryStore } from "../stores/memory_store.ts";
import { SqliteStore } from "../stores/sqlite_store.ts";
import type { NewSession } from "../stores/store.ts";

const COUNT = Number(Deno.args[0] ?? "100000");
const CALLS = 20_000;
const CLAIMANT = { owner: "bench", lease: 600_000 };

/** The stores, in memory and in a file; both return results without a promise. */
type Store = MemoryStore | SqliteStore;

function measure(name: string, store: Store): void {
  const uids = Array.from(
    { length: COUNT },
    () => crypto.randomUUID().replaceAll("-", ""),
  );
  const facts: Partial<NewSession> = {
    values: new Map([["cart", JSON.stringify([1, 2, 3])]]),
  };
  const any = () => uids[Math.floor(Math.random() * COUNT)]!;
  report(name, "create", COUNT, (i) => {
    store.create(newSession(uids[i]!, facts));
  });
  const peek = { ...TOUCH, touch: false };
  report(name, "load", CALLS, () => void store.load(any(), peek));
  report(name, "load and touch", CALLS, () => void store.load(any(), TOUCH));
  let number = 0;
  report(name, "commit one value", CALLS, () => {
    store.commit(any(), { values: new Map([["cart", `[${number++}]`]]) });
  });
  const due = 10_000;
  for (let i = 0; i < due; i++) {
    store.create(newSession(`due ${i}`, { ...facts, idle: 1_000_000 }));
  }
  const fences = new Map<string, string>();
  report(name, "claim 100", due / 100, () => {
    for (const { session, fence } of store.claim(CLAIMANT, 100).ends) {
      fences.set(session.uid, fence);
    }
  });
  const claimed = [...fences];
  report(name, "acknowledge", claimed.length, (i) => {
    store.acknowledge(...claimed[i]!);
  });
}

function report(
  name: string,
  call: string,
  count: number,
  run: (index: number) => void,
): void {
  const begin = performance.now();
  const cpu = process.cpuUsage();
  for (let i = 0; i < count; i++) run(i);
  const { user, system } = process.cpuUsage(cpu);
  const each = (performance.now() - begin) * 1000 / count;
  const figures = [each, (user + system) / count]
    .map((figure) => figure.toFixed(1).padStart(8));
  console.log(`${name}  ${call.padEnd(18)} ${figures.join(" us, computing ")}`);
}

measure("MemoryStore", new MemoryStore());
const folder = Deno.makeTempDirSync();
try {
  const path = `${folder}/sessions.db`;
  const exact = new SqliteStore({ path });
  measure("SqliteStore", exact);
  exact.close();
  const bytes = Deno.statSync(path).size / COUNT;
  console.log(`SqliteStore  ${bytes.toFixed(0)} bytes a session`);
  const coarse = new SqliteStore({
    path: `${folder}/coarse.db`,
    touchThrottle: 30,
  });
  measure("SqliteStore, touchThrottle 30", coarse);
  coarse.close();
} finally {
  Deno.removeSync(folder, { recursive: true });
}
