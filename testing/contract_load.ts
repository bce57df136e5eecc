/**
 * The tests of `load()`, except those of tokens.
 *
 * @module
 */

import {
  absent,
  claimAll,
  type ContractTests,
  HASH,
  keep,
  LONG,
  look,
  present,
  same,
  SHORT,
  tokenOf,
  VISIT,
  visit,
} from "./contract_checks.ts";

/** Tests of load(). */
export const LOAD_TESTS: ContractTests = {
  async "load() answers undefined for an unknown uid"({ store }) {
    absent(await store.load("unknown", VISIT), "load()");
    absent(await store.load("", VISIT), "load() of an empty uid");
  },

  async "load() answers undefined past the deadline, for ever"(
    { store, subject },
  ) {
    await keep(store, "a", { sessionTimeout: SHORT });
    // A fake clock shows the deadline then: the session is over from that moment.
    await subject.advance(SHORT);
    absent(await store.load("a", VISIT), "load() at the deadline");
    absent(await store.load("a", VISIT), "load() once more");
    same((await claimAll(store)).length, 1, "ends that can be claimed");
    absent(await store.load("a", VISIT), "load() after the claim");
  },

  async "load() touches with a current token"({ store }) {
    const made = await keep(store, "a", { age: 5000, idle: 2000 });
    const loaded = await visit(store, "a");
    same(loaded.touchedAt, loaded.now, "touchedAt");
    same(loaded.touchedBefore, made.touchedAt, "touchedBefore");
    same(loaded.deadline, loaded.now + LONG, "the deadline");
    same(loaded.version, made.version, "the version");
    same(loaded.createdAt, made.createdAt, "createdAt");
    const again = await look(store, "a");
    same(again.touchedAt, loaded.touchedAt, "touchedAt as stored");
    same(again.deadline, loaded.deadline, "the deadline as stored");
  },

  async "load() with an unknown token answers, but does not touch"({ store }) {
    const made = await keep(store, "a", { idle: 2000 });
    for (const tokenHash of ["ff".repeat(32), "", HASH.slice(0, -1)]) {
      const loaded = present(
        await store.load("a", { ...VISIT, tokenHash }),
        "load()",
      );
      same(loaded.touchedAt, made.touchedAt, "touchedAt");
      same(loaded.deadline, made.deadline, "the deadline");
      same(loaded.version, made.version, "the version");
      same(loaded.tokens, [tokenOf(HASH, 0)], "the tokens");
    }
  },

  async "load() does not touch unless asked to"({ store }) {
    const made = await keep(store, "a", { idle: 2000 });
    const loaded = present(
      await store.load("a", { ...VISIT, touch: false }),
      "load()",
    );
    same(loaded.touchedAt, made.touchedAt, "touchedAt");
    same(loaded.touchedBefore, made.touchedAt, "touchedBefore");
    same(loaded.deadline, made.deadline, "the deadline");
  },

  async "load() does not postpone the deadline beyond absoluteTimeout"(
    { store },
  ) {
    const made = await keep(store, "a", { age: 5000, absoluteTimeout: LONG });
    const loaded = await visit(store, "a");
    same(loaded.deadline, made.createdAt + LONG, "the deadline");
  },
};
