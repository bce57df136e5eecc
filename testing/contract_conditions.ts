/**
 * The tests of the conditions of `commit()`.
 *
 * @module
 */

import type {
  CommitConditions,
  CommitTimes,
  SessionChanges,
  SessionStore,
} from "../stores/store.ts";
import {
  absent,
  accessOf,
  callbackOf,
  check,
  commit,
  type ContractTests,
  end,
  keep,
  LATER_HASH,
  LONG,
  look,
  same,
  tokenOf,
  visit,
} from "./contract_checks.ts";

/** One change of each kind, which a refused commit must not make. */
const CHANGES: Readonly<Record<string, SessionChanges>> = {
  "a value": { values: new Map([["key", "ours"]]) },
  "a deleted value": { values: new Map([["kept", undefined]]) },
  "a principal": { access: accessOf({ principal: "ann" }) },
  "no principal": { access: accessOf() },
  "a token": {
    access: accessOf({
      principal: "bob",
      generation: 1,
      tokens: [{ hash: LATER_HASH, generation: 1 }],
    }),
  },
  "sessionTimeout": { sessionTimeout: LONG / 2 },
  "absoluteTimeout": { absoluteTimeout: LONG / 2 },
  "a callback": { addedCallbacks: [callbackOf("free")] },
  "a touch": { idle: 0 },
};

/** Tests of conditions in commit(). */
export const CONDITION_TESTS: ContractTests = {
  async "commit() is made if its conditions hold"({ store }) {
    await keep(store, "a");
    for (const value of ["first", "second"]) {
      const { version, now } = await look(store, "a");
      const values = new Map([["key", value]]);
      const conditions = { version, until: now + LONG };
      const times = await commit(store, "a", { values }, conditions);
      check(!times.isRefused, "commit() should not be refused");
      same(times.version, version + 1, "the version");
      same((await look(store, "a")).values, values, "the values");
    }
  },

  async "commit() is refused if the version is another"({ store }) {
    await checkRefusals(store, async ({ version }, uid) => {
      await commit(store, uid, { values: new Map([["theirs", "1"]]) });
      return { version };
    });
    await checkRefusals(store, ({ version }) => ({ version: version + 1 }));
  },

  async "commit() is refused after a token has taken effect"({ store }) {
    await checkRefusals(store, async ({ version }, uid) => {
      const options = { tokenHash: LATER_HASH, touch: false, grace: 0 };
      await store.load(uid, options);
      return { version };
    });
  },

  async "commit() is made for the version of before a touch"({ store }) {
    const { version } = await keep(store, "a", { idle: 2000 });
    await visit(store, "a");
    const values = new Map([["key", "1"]]);
    const times = await commit(store, "a", { values }, { version });
    check(!times.isRefused, "commit() should not be refused");
  },

  async "commit() is refused from its time on"({ store }) {
    await checkRefusals(store, ({ now }) => ({ until: now }));
    await checkRefusals(
      store,
      ({ now, version }) => ({ until: now - 1, version }),
    );
  },

  async "commit() for a version is made once, however often repeated"(
    { store, subject },
  ) {
    const second = await subject.second?.() ?? store;
    const { version } = await keep(store, "a");
    const answers = await Promise.all(
      Array.from(
        { length: 20 },
        (_, i) =>
          commit(i % 2 === 0 ? store : second, "a", {
            values: new Map([[`key ${i}`, ""]]),
          }, { version }),
      ),
    );
    const made = answers.filter(({ isRefused }) => !isRefused);
    same(made.length, 1, "the number of commits that are made");
    const loaded = await look(store, "a");
    same(loaded.values.size, 1, "the number of values");
    same(loaded.version, version + 1, "the version");
  },

  async "commit() with conditions answers undefined after the end"({ store }) {
    const { version, now } = await keep(store, "a");
    await end(store, "a");
    const changes = { idle: 0 };
    absent(await store.commit("a", changes, { version }), "by version");
    absent(await store.commit("a", changes, { until: now }), "by time");
  },
};

/** Fails unless each kind of change is refused, and the session stays as it is. */
async function checkRefusals(
  store: SessionStore,
  prepare: (
    times: CommitTimes,
    uid: string,
  ) => CommitConditions | Promise<CommitConditions>,
): Promise<void> {
  for (const [what, changes] of Object.entries(CHANGES)) {
    const uid = `${what} ${crypto.randomUUID()}`;
    const made = await keep(store, uid, {
      idle: 2000,
      principal: "bob",
      tokens: [tokenOf(LATER_HASH, 1)],
      values: new Map([["kept", "1"]]),
    });
    const conditions = await prepare(made, uid);
    const before = await look(store, uid);
    const times = await commit(store, uid, changes, conditions);
    const { createdAt, touchedAt, deadline, version, now } = before;
    same(
      { ...times, now },
      { createdAt, touchedAt, deadline, version, now, isRefused: true },
      `the answer to commit() of ${what}`,
    );
    same({ ...await look(store, uid), now }, before, `the session, ${what}`);
  }
}
