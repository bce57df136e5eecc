/**
 * The tests of `take()`, for stores that have it.
 *
 * @module
 */

import type {
  NewSession,
  SessionStore,
  SessionTimes,
} from "../stores/store.ts";
import {
  absent,
  callbackOf,
  check,
  claimAll,
  claimDue,
  commit,
  type ContractTests,
  LOOK,
  look,
  OTHER_NODE,
  present,
  same,
  sessionOf,
  SHORT,
  until,
} from "./contract_checks.ts";

const CALLBACK = callbackOf("free", { argument: "7" });

/** Takes a hold, which must be free; by default it has no deadline. */
async function take(
  store: SessionStore,
  facts: Partial<NewSession> = {},
  replaces?: number,
): Promise<SessionTimes> {
  return present(await tryToTake(store, facts, replaces), "take()");
}

async function tryToTake(
  store: SessionStore,
  facts: Partial<NewSession> = {},
  replaces?: number,
): Promise<SessionTimes | undefined> {
  const hold = { tokens: [], sessionTimeout: Infinity, ...facts };
  return await store.take!(sessionOf("hold:a", hold), replaces);
}

/** Tests of take(). */
export const HOLD_TESTS: ContractTests = {
  async "take() stores all facts, under a fencing number as version"(
    { store },
  ) {
    if (store.take === undefined) return;
    const values = new Map([["key", '"a"'], ["holder", '"b"']]);
    const facts = { values, callbacks: [CALLBACK], absoluteTimeout: 5000 };
    const times = await take(store, facts);
    same(times.deadline, times.createdAt + 5000, "the deadline");
    const hold = await look(store, "hold:a");
    same(hold.version, times.version, "the version");
    same(hold.values, values, "the values");
    same(hold.callbacks, [CALLBACK], "the callbacks");
  },

  async "take() refuses the uid of a hold that lives"({ store, subject }) {
    if (store.take === undefined) return;
    const values = new Map([["key", "first"]]);
    const { version } = await take(store, { values });
    const second = await subject.second?.() ?? store;
    absent(await tryToTake(second), "take() again");
    absent(await tryToTake(second, {}, version - 1), "take() of a former one");
    same((await look(store, "hold:a")).values, values, "the values");
  },

  async "take() leaves no principal of the hold that it replaces"({ store }) {
    if (store.take === undefined) return;
    const { version } = await take(store, { principal: "ann" });
    same(await store.uidsOf("ann"), ["hold:a"], "uidsOf() before");
    await take(store, { principal: "bob" }, version);
    same(await store.uidsOf("ann"), [], "uidsOf() of the former principal");
    same(await store.uidsOf("bob"), ["hold:a"], "uidsOf() of the new one");
    const other = (await look(store, "hold:a")).version;
    await take(store, {}, other);
    same(await store.uidsOf("bob"), [], "uidsOf() without a principal");
  },

  async "take() replaces the hold of a version"({ store }) {
    if (store.take === undefined) return;
    const values = new Map([["key", "first"]]);
    const first = await take(store, {
      values,
      callbacks: [CALLBACK],
      absoluteTimeout: 60_000,
    });
    const second = await take(store, {}, first.version);
    check(second.version > first.version, "the fencing number grows");
    const hold = await look(store, "hold:a");
    same(hold.values, new Map(), "the values");
    same(hold.callbacks, [], "the callbacks");
    same(await store.nextIn(), Infinity, "nextIn()");
    const late = await store.commit("hold:a", { absoluteTimeout: 0 }, {
      version: first.version,
    });
    same(late?.isRefused, true, "a commit to the former hold is refused");
  },

  async "take() replaces a hold that is over and has no callbacks"(
    { store, subject },
  ) {
    if (store.take === undefined) return;
    const second = await subject.second?.() ?? store;
    let last = 0;
    for (let round = 0; round < 3; round++) {
      const { version } = await take(second, { callbacks: [CALLBACK] });
      check(version > last, "the fencing number grows");
      last = version;
      const release = { absoluteTimeout: 0, removedCallbacks: [CALLBACK] };
      await commit(store, "hold:a", release, { version });
      absent(await store.load("hold:a", LOOK), "load() after the release");
    }
    // A node may have claimed the end of the last one.
    const [end] = await claimAll(store);
    await take(store);
    const fence = end?.fence ?? "";
    same(await store.acknowledge("hold:a", fence), false, "acknowledge()");
    await look(second, "hold:a");
    same(await claimAll(second, OTHER_NODE), [], "the ends");
  },

  async "take() refuses a hold whose callbacks are not acknowledged"(context) {
    const { store } = context;
    if (store.take === undefined) return;
    const facts = { callbacks: [CALLBACK], absoluteTimeout: SHORT };
    const first = await take(store, facts);
    const [end] = await claimDue(context, 1);
    same(end!.reason, "absolute", "the reason");
    same(end!.session.version, first.version, "the version of the end");
    absent(await tryToTake(store), "take() while a node delivers the end");
    absent(
      await tryToTake(store, {}, first.version),
      "take() by the holder while a node delivers the end",
    );
    same(await store.acknowledge("hold:a", end!.fence), true, "acknowledge()");
    const second = await take(store);
    check(second.version > first.version, "the fencing number grows");
    await look(store, "hold:a");
  },

  async "take() refuses a hold that is a dead letter"({ store }) {
    if (store.take === undefined) return;
    await take(store, { callbacks: [CALLBACK], absoluteTimeout: 0 });
    const [end] = await claimAll(store);
    await store.deadLetter("hold:a", end!.fence, "too often");
    absent(await tryToTake(store), "take() of a dead letter");
    await store.deleteDeadLetter("hold:a");
    await take(store);
  },

  async "take() replaces no hold that is over, and none that there is not"(
    { store },
  ) {
    if (store.take === undefined) return;
    absent(await tryToTake(store, {}, 5), "take() without a former hold");
    const { version } = await take(store);
    await commit(store, "hold:a", { absoluteTimeout: 0 }, { version });
    absent(await tryToTake(store, {}, version), "take() of one that is over");
    await take(store);
  },

  async "take() gives one of many callers the hold"({ store, subject }) {
    if (store.take === undefined) return;
    const second = await subject.second?.() ?? store;
    let version: number | undefined;
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(
        Array.from(
          { length: 20 },
          (_, index) =>
            tryToTake(index % 2 === 0 ? store : second, {}, version),
        ),
      );
      const taken = answers.filter((times) => times !== undefined);
      same(taken.length, 1, "the calls that took the hold");
      check(taken[0]!.version > (version ?? 0), "the fencing number grows");
      version = taken[0]!.version;
    }
  },

  async "take() of a hold with an idle timeout lets touches postpone its end"(
    context,
  ) {
    const { store, subject } = context;
    if (store.take === undefined) return;
    const second = await subject.second?.() ?? store;
    const facts = { sessionTimeout: 60_000, callbacks: [CALLBACK] };
    const first = await take(store, facts);
    same(first.deadline, first.touchedAt + 60_000, "the deadline");
    await commit(store, "hold:a", { idle: 30_000 });
    same(
      (await look(store, "hold:a")).deadline,
      first.deadline,
      "the deadline",
    );
    await subject.advance(SHORT / 4);
    const touched = await commit(second, "hold:a", { idle: 0 });
    check(touched.touchedAt > first.now, "the touch is later");
    same(
      touched.deadline,
      touched.touchedAt + 60_000,
      "the deadline after a touch",
    );
    same(touched.version, first.version, "the version");
    same(await claimAll(store), [], "the ends");
    await take(store, { ...facts, sessionTimeout: SHORT }, first.version);
    const [end] = await claimDue(context, 1);
    same(end!.reason, "idle", "the reason");
    absent(await store.commit("hold:a", { idle: 0 }), "a touch after the end");
  },

  async "take() replaces a hold by one that ends at once"({ store }) {
    if (store.take === undefined) return;
    const { version } = await take(store, { callbacks: [CALLBACK] });
    const other = callbackOf("tell", { argument: "8" });
    const facts = { callbacks: [other], absoluteTimeout: 0 };
    await take(store, facts, version);
    const ends = await claimAll(store);
    same(ends.map(({ reason }) => reason), ["absolute"], "the reasons");
    same(ends[0]!.session.callbacks, [other], "the callbacks");
  },

  async "take() notifies of an earlier deadline"(context) {
    const { store, subject } = context;
    if (store.take === undefined) return;
    const second = await subject.second?.() ?? store;
    let isNotified = false;
    const stop = await second.watch(() => {}, () => isNotified = true);
    try {
      await take(store, { absoluteTimeout: 60_000 });
      await until(context, () => isNotified, "a node is notified");
    } finally {
      stop();
    }
  },
};
