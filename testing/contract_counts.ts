/**
 * The tests of `count()`, for stores that have it.
 *
 * @module
 */

import type { SessionStore } from "../stores/store.ts";
import {
  callbackOf,
  claimAll,
  claimDue,
  commit,
  type ContractTests,
  end,
  keep,
  present,
  same,
  sessionOf,
  SHORT,
  visit,
} from "./contract_checks.ts";

/** Fails unless the store counts so many sessions and ends. */
async function counts(
  store: SessionStore,
  [sessions, ends]: readonly [sessions: number, ends: number],
  when: string,
): Promise<void> {
  same(await store.count!(), { sessions, ends }, `count() ${when}`);
}

/** Tests of count(). */
export const COUNT_TESTS: ContractTests = {
  async "count() counts the sessions that are not over"({ store, subject }) {
    if (store.count === undefined) return;
    await counts(store, [0, 0], "of an empty store");
    await keep(store, "a", { principal: "alice" });
    await keep(store, "b", { sessionTimeout: Infinity });
    await keep(store, "c", { absoluteTimeout: 0 });
    await visit(store, "a");
    await visit(store, "b");
    await counts(await subject.second?.() ?? store, [2, 1], "of three");
  },

  async "count() counts an end from the deadline to the acknowledgement"(
    context,
  ) {
    const { store } = context;
    if (store.count === undefined) return;
    await keep(store, "left", { sessionTimeout: SHORT });
    await keep(store, "stays");
    const [claimed] = await claimDue(context, 1);
    await counts(store, [1, 1], "after the claim");
    await store.release("left", claimed!.fence, 3_600_000);
    await counts(store, [1, 1], "after the release");
    const { fence } = await end(store, "stays");
    await counts(store, [0, 2], "after end()");
    await store.acknowledge("stays", fence);
    await counts(store, [0, 1], "after the acknowledgement");
  },

  async "count() counts an end that no node has claimed"(context) {
    const { store, subject } = context;
    if (store.count === undefined) return;
    await keep(store, "a", { sessionTimeout: SHORT });
    await keep(store, "b", { sessionTimeout: SHORT });
    await subject.advance(2 * SHORT);
    await counts(store, [0, 2], "before the claim");
    for (const { session, fence } of await claimAll(store)) {
      await store.acknowledge(session.uid, fence);
    }
    await counts(store, [0, 0], "after the acknowledgements");
  },

  async "count() does not count dead letters"({ store }) {
    if (store.count === undefined) return;
    await keep(store, "a");
    const { fence } = await end(store, "a");
    await store.deadLetter("a", fence, "too often");
    await counts(store, [0, 0], "of a dead letter");
    await store.retryDeadLetter("a");
    await counts(store, [0, 1], "of one that is retried");
    const [claimed] = await claimAll(store);
    await store.deadLetter("a", claimed!.fence, "too often");
    await store.deleteDeadLetter("a");
    await counts(store, [0, 0], "of a deleted one");
  },

  async "count() does not count holds"(context) {
    const { store } = context;
    if (store.count === undefined || store.take === undefined) return;
    await keep(store, "a");
    const facts = { tokens: [], callbacks: [callbackOf("free")] };
    const take = async (uid: string, absoluteTimeout: number) => {
      const hold = sessionOf(uid, { ...facts, absoluteTimeout });
      return present(await store.take!(hold), `take() of "${uid}"`);
    };
    await take("hold:a", Infinity);
    await take("hold:b", SHORT);
    const { version } = await take("hold:c", 3_600_000);
    await counts(store, [1, 0], "of holds that live");
    await store.take!(sessionOf("hold:c", facts), version);
    await counts(store, [1, 0], "of one that was replaced");
    const changes = { absoluteTimeout: 0 };
    await commit(store, "hold:a", changes);
    await counts(store, [1, 0], "of one that is over");
    const ends = await claimDue(context, 2);
    await counts(store, [1, 0], "of claimed ends");
    await store.deadLetter("hold:a", fenceOf(ends, "hold:a"), "too often");
    await store.acknowledge("hold:b", fenceOf(ends, "hold:b"));
    await counts(store, [1, 0], "of a dead letter");
    await store.retryDeadLetter("hold:a");
    await counts(store, [1, 0], "of one that is retried");
  },
};

function fenceOf(
  ends: Awaited<ReturnType<typeof claimAll>>,
  uid: string,
): string {
  return present(
    ends.find(({ session }) => session.uid === uid),
    `the end of "${uid}"`,
  ).fence;
}
