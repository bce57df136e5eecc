/**
 * The tests of the tokens that `load()` is given.
 *
 * @module
 */

import type { NewSession } from "../stores/store.ts";
import {
  accessOf,
  commit,
  type ContractTests,
  HASH,
  keep,
  LATER_HASH,
  LONG,
  look,
  present,
  same,
  SHORT,
  tokenOf,
  VISIT,
  visit,
} from "./contract_checks.ts";

/** Loads a session as the first request with the later token does. */
const LATER_VISIT = { ...VISIT, tokenHash: LATER_HASH };

/** A session that was renewed; no request has brought the later token yet. */
const RENEWED: Partial<NewSession> = {
  idle: 2000,
  tokens: [tokenOf(HASH, 0), tokenOf(LATER_HASH, 1)],
};

/** Tests of tokens in load(). */
export const TOKEN_TESTS: ContractTests = {
  async "load() with a token of a later generation puts it into effect"(
    { store },
  ) {
    const made = await keep(store, "a", { ...RENEWED, principal: "ann" });
    const before = await look(store, "a");
    const options = { ...LATER_VISIT, touch: false, grace: 5000 };
    const loaded = present(await store.load("a", options), "load()");
    const { now } = loaded;
    same(loaded, {
      ...before,
      now,
      generation: 1,
      tokens: [
        { hash: HASH, generation: 0, until: now + 5000 },
        tokenOf(LATER_HASH, 1),
      ],
      version: made.version + 1,
    }, "the session");
    same({ ...await look(store, "a"), now }, loaded, "the session as stored");
  },

  async "load() with a token of a later generation touches if asked to"(
    { store },
  ) {
    const made = await keep(store, "a", RENEWED);
    const loaded = present(await store.load("a", LATER_VISIT), "load()");
    same(loaded.touchedAt, loaded.now, "touchedAt");
    same(loaded.touchedBefore, made.touchedAt, "touchedBefore");
    same(loaded.deadline, loaded.now + LONG, "the deadline");
    same(loaded.version, made.version + 1, "the version");
    same((await look(store, "a")).deadline, loaded.deadline, "as stored");
  },

  async "load() puts a token into effect once"({ store, subject }) {
    await keep(store, "a", RENEWED);
    const first = present(await store.load("a", LATER_VISIT), "load()");
    await subject.advance(5);
    const again = { ...LATER_VISIT, grace: 2 * LONG };
    const second = present(await store.load("a", again), "load() again");
    same(second.tokens, first.tokens, "the tokens");
    same(second.generation, 1, "the generation");
    same(second.version, first.version, "the version");
    same(second.touchedAt, second.now, "touchedAt");
  },

  async "load() by two nodes at once puts a token into effect once"(
    { store, subject },
  ) {
    const second = await subject.second?.() ?? store;
    const made = await keep(store, "a", RENEWED);
    const loads = await Promise.all(
      Array.from(
        { length: 20 },
        (_, i) => (i % 2 === 0 ? store : second).load("a", LATER_VISIT),
      ),
    );
    const states = loads.map((loaded) => {
      const { tokens, generation, version } = present(loaded, "load()");
      return { tokens, generation, version };
    });
    for (const state of states) same(state, states[0], "the access state");
    same(states[0]!.version, made.version + 1, "the version");
  },

  async "load() lets the tokens of all earlier generations fade"({ store }) {
    const hashes = ["a1", "b2", "c3"].map((digits) => digits.repeat(32));
    const tokens = hashes.map((hash, i) => tokenOf(hash, i));
    await keep(store, "a", { tokens });
    const load = async (i: number, grace: number) => {
      const options = { tokenHash: hashes[i]!, touch: false, grace };
      return present(await store.load("a", options), "load()");
    };
    const first = await load(1, 3000);
    const second = await load(2, 5000);
    same(second.tokens.map(({ until }) => until), [
      first.now + 3000,
      second.now + 5000,
      Infinity,
    ], "until");
    same(second.generation, 2, "the generation");
  },

  async "load() with a token of an earlier generation changes no token"(
    { store },
  ) {
    await keep(store, "a", RENEWED);
    const later = present(await store.load("a", LATER_VISIT), "load()");
    const loaded = await visit(store, "a");
    same(loaded.generation, 1, "the generation");
    same(loaded.tokens, later.tokens, "the tokens");
    same(loaded.version, later.version, "the version");
  },

  async "load() touches with a previous token while it counts"(
    { store, subject },
  ) {
    await keep(store, "a", RENEWED);
    const grace = 3 * SHORT;
    const first = present(
      await store.load("a", { ...LATER_VISIT, touch: false, grace }),
      "load()",
    );
    const within = await visit(store, "a");
    // A machine that is stalled may load too late.
    const isWithin = within.now < first.now + grace;
    const touchedAt = isWithin ? within.now : first.touchedAt;
    same(within.touchedAt, touchedAt, "touchedAt within the grace");
    await subject.advance(grace + 1);
    const after = await visit(store, "a");
    same(after.touchedAt, touchedAt, "touchedAt after the grace");
  },

  async "load() does not touch with a previous token without a grace"(
    { store },
  ) {
    const made = await keep(store, "a", RENEWED);
    await store.load("a", { ...LATER_VISIT, touch: false, grace: 0 });
    const loaded = await visit(store, "a");
    same(loaded.touchedAt, made.touchedAt, "touchedAt");
  },

  async "load() does not touch with a superseded token"({ store }) {
    const made = await keep(store, "a", RENEWED);
    const login = accessOf({
      principal: "ann",
      generation: 1,
      loginGeneration: 1,
      loginAge: 0,
      tokens: [
        { hash: HASH, generation: 0 },
        { hash: LATER_HASH, generation: 1 },
      ],
    });
    const { version } = await commit(store, "a", { access: login });
    const loaded = await visit(store, "a");
    same(loaded.touchedAt, made.touchedAt, "touchedAt by the superseded token");
    same(loaded.version, version, "the version");
    const current = present(await store.load("a", LATER_VISIT), "load()");
    same(current.touchedAt, current.now, "touchedAt by the current token");
    same(current.version, version, "the version");
  },

  async "load() puts no token into effect that has stopped counting"(
    { store },
  ) {
    await keep(store, "a", RENEWED);
    const tokens = [
      { hash: HASH, generation: 0 },
      { hash: LATER_HASH, generation: 1 },
    ];
    const commitAccess = (generation: number) =>
      commit(store, "a", {
        access: accessOf({ generation, tokens, grace: 0 }),
      });
    // The later token fades, and then its generation is the later one again.
    await commitAccess(2);
    const { version } = await commitAccess(0);
    const loaded = present(await store.load("a", LATER_VISIT), "load()");
    same(loaded.generation, 0, "the generation");
    same(loaded.version, version, "the version");
  },
};
