/**
 * The tests of `watch()`.
 *
 * @module
 */

import type { EndNotification, SessionStore } from "../stores/store.ts";
import {
  claimAll,
  type ContractContext,
  type ContractTests,
  end,
  keep,
  LONG,
  same,
  SHORT,
  until,
} from "./contract_checks.ts";

const EXPECTED = "watch() should notify";

/** Tests of watch(). */
export const WATCH_TESTS: ContractTests = {
  async "watch() notifies of an end by the same store"(context) {
    await checkNotification(context, context.store);
  },

  async "watch() notifies of an end by another node"(context) {
    const { store, subject } = context;
    await checkNotification(context, await subject.second?.() ?? store);
  },

  async "watch() notifies of a deadline when it is claimed"(context) {
    const { store, subject } = context;
    const second = await subject.second?.() ?? store;
    const ends: EndNotification[] = [];
    const stop = await store.watch((end) => ends.push(end));
    const made = await keep(store, "a", { sessionTimeout: SHORT });
    await subject.advance(SHORT + 1);
    await claimAll(second);
    await until(context, () => ends.length > 0, EXPECTED);
    same(ends[0], { uid: "a", reason: "idle", at: made.deadline }, "the end");
    stop();
  },

  async "watch() notifies of an earlier deadline"(context) {
    const { store, subject } = context;
    const second = await subject.second?.() ?? store;
    await keep(store, "later");
    let hints = 0;
    const stop = await store.watch(() => {}, () => hints++);
    await keep(second, "earlier", { sessionTimeout: LONG / 100 });
    await until(context, () => hints > 0, EXPECTED);
    stop();
  },

  async "watch() of a store that notifies reliably misses no earlier deadline"(
    context,
  ) {
    const { store } = context;
    if (!store.isNotifyingReliably) return;
    await keep(store, "a");
    await keep(store, "b");
    const { fence } = await end(store, "b");
    let hints = 0;
    const stop = await store.watch(() => {}, () => hints++);
    const acts = {
      "create()": () => keep(store, "c", { sessionTimeout: LONG / 2 }),
      "commit()": () => store.commit("a", { sessionTimeout: LONG / 4 }),
      "renew()": () => store.renew("b", fence, LONG / 8),
      "end()": () =>
        store.end("c", "logout", { owner: "brief", lease: LONG / 16 }),
      "release()": () => store.release("b", fence, 0),
    };
    for (const [act, run] of Object.entries(acts)) {
      const before = await store.nextIn();
      hints = 0;
      await run();
      // The next end is some minutes earlier, or not earlier at all.
      if (await store.nextIn() > before - 1000) continue;
      await until(context, () => hints > 0, `${EXPECTED} after ${act}`);
    }
    same(await store.nextIn(), 0, "nextIn()");
    stop();
  },

  async "watch() can be stopped, twice too"(context) {
    const { store, subject } = context;
    const ends: string[] = [];
    const stop = await store.watch(({ uid }) => ends.push(`stopped ${uid}`));
    const stopOther = await store.watch(({ uid }) => ends.push(`other ${uid}`));
    stop();
    stop();
    await keep(store, "a");
    await end(store, "a");
    await until(context, () => ends.length > 0, EXPECTED);
    await subject.advance(SHORT);
    same(new Set(ends), new Set(["other a"]), "the notifications");
    stopOther();
  },
};

async function checkNotification(
  context: ContractContext,
  other: SessionStore,
): Promise<void> {
  const { store } = context;
  const ends: EndNotification[] = [];
  const stop = await store.watch((end) => ends.push(end));
  await keep(store, "a");
  const { reason, at } = await end(other, "a");
  await until(context, () => ends.length > 0, EXPECTED);
  same(ends[0], { uid: "a", reason, at }, "the end");
  stop();
}
