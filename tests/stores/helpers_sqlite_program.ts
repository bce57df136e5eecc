/**
 * A process that uses a store, for the tests that run several.
 *
 *     fill PATH          creates sessions until it is killed, and prints which
 *     share PATH COUNT   creates sessions, and claims ends until none is left
 *
 * @module
 */

import { SqliteStore } from "../../stores/sqlite_store.ts";
import { sessionOf, VISIT } from "../../testing/contract_checks.ts";

const [act, path, count] = Deno.args;
// On a busy machine, a process may be stalled while it has the lock.
const store = new SqliteStore({ path: path!, busyTimeout: 20 });
const owner = `process ${Deno.pid}`;

if (act === "fill") fill();
else await share(Number(count));
store.close();

function fill(): void {
  const claimant = { owner, lease: 0 };
  for (let i = 0;; i++) {
    const values = new Map([["number", `${i}`]]);
    store.create(sessionOf(`alive ${i}`, { values, principal: "ann" }));
    store.create(sessionOf(`over ${i}`, { values }));
    store.end(`over ${i}`, "logout", claimant);
    console.log(i);
  }
}

async function share(count: number): Promise<void> {
  const uids = Array.from({ length: count }, (_, i) => `${Deno.pid}-${i}`);
  for (const [i, uid] of uids.entries()) {
    const sessionTimeout = 1500 + i % 500;
    store.create(sessionOf(uid, { sessionTimeout }));
  }
  for (const uid of uids) {
    store.load(uid, VISIT);
    store.commit(uid, { values: new Map([["key", "1"]]) });
  }
  for (;;) {
    const { ends, nextIn } = store.claim({ owner, lease: 60_000 }, 50);
    for (const { session: { uid, now, deadline }, fence } of ends) {
      console.log(uid, now - deadline);
      if (!store.acknowledge(uid, fence)) console.log("lost", uid);
    }
    if (nextIn === Infinity) return;
    await new Promise((resolve) => setTimeout(resolve, Math.min(nextIn, 50)));
  }
}
