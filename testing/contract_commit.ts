/**
 * The tests of `commit()`: values, timeouts and callbacks.
 *
 * @module
 */

import {
  absent,
  accessOf,
  callbackOf,
  check,
  claimAll,
  commit,
  type ContractTests,
  end,
  keep,
  LONG,
  LOOK,
  look,
  present,
  same,
  SHORT,
  VISIT,
} from "./contract_checks.ts";

/** Tests of commit(). */
export const COMMIT_TESTS: ContractTests = {
  async "commit() changes the given keys and no others"({ store }) {
    const values = new Map([["kept", "1"], ["changed", "2"], ["gone", "3"]]);
    const made = await keep(store, "a", { values });
    const times = await commit(store, "a", {
      values: new Map([["changed", "4"], ["gone", undefined], ["new", "5"]]),
    });
    same(times.version, made.version + 1, "the version");
    same(times.deadline, made.deadline, "the deadline");
    const loaded = await look(store, "a");
    same(
      loaded.values,
      new Map([["kept", "1"], ["changed", "4"], ["new", "5"]]),
      "the values",
    );
    same(loaded.version, times.version, "the version as stored");
  },

  async "commit() of different keys by two nodes keeps both"(
    { store, subject },
  ) {
    const second = await subject.second?.() ?? store;
    await keep(store, "a");
    const keys = Array.from({ length: 40 }, (_, i) => `key ${i}`);
    const answers = await Promise.all(
      keys.map((key, i) =>
        commit(i % 2 === 0 ? store : second, "a", {
          values: new Map([[key, key]]),
        })
      ),
    );
    const versions = new Set(answers.map(({ version }) => version));
    same(versions.size, keys.length, "the number of versions");
    const { values } = await look(store, "a");
    same(values, new Map(keys.map((key) => [key, key])), "the values");
  },

  async "commit() of no change changes nothing"({ store }) {
    const made = await keep(store, "a", { principal: "ann", idle: 2000 });
    const before = await look(store, "a");
    const times = await commit(store, "a", {});
    same({ ...times, now: 0 }, { ...made, now: 0 }, "the times");
    const { now } = before;
    same({ ...await look(store, "a"), now }, before, "the session");
  },

  async "commit() answers undefined past the deadline, and changes nothing"(
    { store, subject },
  ) {
    await keep(store, "a", { sessionTimeout: SHORT });
    await subject.advance(SHORT + 1);
    const changes = { sessionTimeout: LONG, idle: 0 };
    absent(await store.commit("a", changes), "commit()");
    absent(await store.load("a", VISIT), "load()");
    const [claimed] = await claimAll(store);
    same(present(claimed, "claim()").session.sessionTimeout, SHORT, "timeout");
  },

  async "commit() answers undefined after the end, acknowledged or not"(
    { store },
  ) {
    await keep(store, "a", { principal: "ann" });
    const { fence } = await end(store, "a");
    const access = accessOf({ principal: "eve", loginAge: 0 });
    const changes = { access, values: new Map([["late", "1"]]) };
    absent(await store.commit("a", changes), "commit() after the end");
    absent(await store.load("a", LOOK), "load() after the commit");
    same(await store.uidsOf("eve"), [], "uidsOf()");
    await store.acknowledge("a", fence);
    absent(await store.commit("a", changes), "commit() when acknowledged");
    absent(await store.load("a", LOOK), "load() when acknowledged");
  },

  async "commit() answers undefined for an unknown uid"({ store }) {
    const values = new Map([["key", "1"]]);
    absent(await store.commit("unknown", { values }), "commit()");
    absent(await store.load("unknown", LOOK), "load()");
  },

  async "commit() counts a changed timeout from the last touch"({ store }) {
    const made = await keep(store, "a", { age: 5000, idle: 2000 });
    const longer = await commit(store, "a", { sessionTimeout: 2 * LONG });
    same(longer.touchedAt, made.touchedAt, "touchedAt");
    same(longer.deadline, made.touchedAt + 2 * LONG, "the deadline");
    const absoluteTimeout = LONG / 2;
    const older = await commit(store, "a", { absoluteTimeout });
    same(older.deadline, made.createdAt + absoluteTimeout, "the deadline");
    const loaded = await look(store, "a");
    same(loaded.sessionTimeout, 2 * LONG, "sessionTimeout");
    same(loaded.absoluteTimeout, absoluteTimeout, "absoluteTimeout");
    check(loaded.version > made.version, "commit() should raise the version");
  },

  async "commit() of a timeout that has passed ends the session"({ store }) {
    await keep(store, "a", { age: 9000, idle: 9000 });
    await store.commit("a", { absoluteTimeout: 100 });
    absent(await store.load("a", VISIT), "load()");
    const [claimed] = await claimAll(store);
    same(present(claimed, "claim()").reason, "absolute", "the reason");
  },

  async "commit() appends callbacks in their order"({ store }) {
    const [a, b, c] = ["a", "b", "c"].map((name) => callbackOf(name));
    const again = callbackOf("b", { id: "b again" });
    await keep(store, "a", { callbacks: [a!] });
    await store.commit("a", { addedCallbacks: [b!, c!] });
    await store.commit("a", { addedCallbacks: [again] });
    const { session } = await end(store, "a");
    same(session.callbacks, [a, b, c, again], "the callbacks");
  },

  async "commit() stores a callback once that is added again"({ store }) {
    const [a, b, c] = ["a", "b", "c"].map((name) => callbackOf(name));
    await keep(store, "a", { callbacks: [a!] });
    await store.commit("a", { addedCallbacks: [b!] });
    await store.commit("a", { addedCallbacks: [a!, b!, c!] });
    const { session } = await end(store, "a");
    same(session.callbacks, [a, b, c], "the callbacks");
  },

  async "commit() replaces a callback by one of the same id"({ store }) {
    const [a, b, c] = ["a", 'b,"', "c"].map((id) => callbackOf("bill", { id }));
    const anew = callbackOf("mail", { id: 'b,"', argument: ',"c"]' });
    await keep(store, "a", { callbacks: [a!, b!, c!] });
    await store.commit("a", { addedCallbacks: [anew] });
    same((await look(store, "a")).callbacks, [a, anew, c], "the callbacks");
    const last = callbackOf("last", { id: "d" });
    await store.commit("a", { addedCallbacks: [last, b!] });
    const { session } = await end(store, "a");
    same(session.callbacks, [a, b, c, last], "the callbacks at the end");
  },

  async "commit() removes exactly the callbacks that it names"({ store }) {
    const [a, b, c] = ["a", "b", "c"].map((name) => callbackOf(name));
    await keep(store, "a", { callbacks: [a!, b!, c!] });
    const before = await look(store, "a");
    const removedCallbacks = [
      b!,
      callbackOf("a", { argument: "other" }),
      callbackOf("other", { id: "c" }),
      callbackOf("unknown"),
    ];
    await store.commit("a", { removedCallbacks });
    const after = await look(store, "a");
    same(after.callbacks, [a, c], "the callbacks");
    check(after.version > before.version, "commit() should raise the version");
    const addedCallbacks = [callbackOf("c", { argument: "anew" })];
    await store.commit("a", {
      addedCallbacks,
      removedCallbacks: [a!, ...addedCallbacks],
    });
    same((await look(store, "a")).callbacks, [], "no callbacks");
    await store.commit("a", { addedCallbacks: [b!] });
    same((await end(store, "a")).session.callbacks, [b], "one that is back");
  },

  async "commit() replaces the description"({ store }) {
    await keep(store, "a");
    same((await look(store, "a")).description, undefined, "no description");
    await store.commit("a", { description: "" });
    same((await look(store, "a")).description, "", "an empty description");
    await store.commit("a", { description: "\0\ud800" });
    await store.commit("a", { values: new Map([["key", "1"]]) });
    same((await look(store, "a")).description, "\0\ud800", "a description");
    await keep(store, "b", { description: "phone" });
    const { session } = await end(store, "b");
    same(session.description, "phone", "the description at the end");
  },
};
