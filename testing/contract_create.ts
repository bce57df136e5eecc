/**
 * The tests of `create()`.
 *
 * @module
 */

import {
  absent,
  callbackOf,
  claimAll,
  type ContractTests,
  end,
  HASH,
  keep,
  LATER_HASH,
  LONG,
  LOOK,
  look,
  present,
  same,
  sessionOf,
  SHORT,
  tokenOf,
  visit,
} from "./contract_checks.ts";

/** Tests of create(). */
export const CREATE_TESTS: ContractTests = {
  async "create() stores all facts"({ store }) {
    const facts = {
      tokens: [tokenOf(HASH, 1), tokenOf(LATER_HASH, 3)],
      generation: 2,
      loginGeneration: 1,
      isRenewalDue: true,
      isRemembered: true,
      isSecure: true,
      principal: "ann",
      sessionTimeout: LONG,
      absoluteTimeout: 2 * LONG,
      values: new Map([["cart", "[1,2]"], ["name", "Ann"]]),
      callbacks: [
        callbackOf("free", { id: "1", argument: "7" }),
        callbackOf("free", { id: "2", argument: "8" }),
      ],
    };
    const times = await keep(store, "a", { ...facts, loginAge: 1000 });
    const session = await look(store, "a");
    same(session, {
      ...facts,
      ...times,
      uid: "a",
      now: session.now,
      authenticatedAt: times.now - 1000,
      touchedBefore: times.touchedAt,
    }, "the session that is loaded");
  },

  async "create() gives the version that it is asked for"({ store }) {
    const version = 2 ** 40;
    const times = await keep(store, "a", { version });
    same(times.version, version, "the version");
    same((await look(store, "a")).version, version, "the loaded version");
    const changes = { values: new Map([["cart", "2"]]) };
    const refused = await store.commit("a", changes, { version: 1 });
    same(refused?.isRefused, true, "isRefused of a commit to version 1");
    const written = await store.commit("a", changes, { version });
    same(written?.version, version + 1, "the version after a commit");
    same((await keep(store, "b")).version, 1, "the version by default");
  },

  async "create() counts the age and the idle time from the store's time"(
    { store },
  ) {
    const times = await keep(store, "a", { age: 5000, idle: 2000 });
    same(times.createdAt, times.now - 5000, "createdAt");
    same(times.touchedAt, times.now - 2000, "touchedAt");
    absent((await look(store, "a")).authenticatedAt, "authenticatedAt");
  },

  async "create() sets the deadline by the earlier timeout"({ store }) {
    const ages = { age: 5000, idle: 2000 };
    const idle = await keep(store, "idle", ages);
    same(idle.deadline, idle.touchedAt + LONG, "the deadline by idleness");
    const absoluteTimeout = LONG / 2;
    const absolute = await keep(store, "age", { ...ages, absoluteTimeout });
    same(
      absolute.deadline,
      absolute.createdAt + absoluteTimeout,
      "the deadline by age",
    );
  },

  async "create() sets no deadline without timeouts"({ store }) {
    const times = await keep(store, "a", { sessionTimeout: Infinity });
    same(times.deadline, Infinity, "the deadline");
    const loaded = await visit(store, "a");
    same(loaded.deadline, Infinity, "the deadline after a touch");
    same(loaded.sessionTimeout, Infinity, "sessionTimeout");
    same(loaded.absoluteTimeout, Infinity, "absoluteTimeout");
    same(await store.nextIn(), Infinity, "nextIn()");
  },

  async "create() refuses the uid of a session that lives"({ store }) {
    await keep(store, "a", { values: new Map([["key", "first"]]) });
    const values = new Map([["key", "second"]]);
    absent(await store.create(sessionOf("a", { values })), "create() again");
    same((await look(store, "a")).values.get("key"), "first", "the value");
  },

  async "create() refuses the uid of a session that has ended"({ store }) {
    await keep(store, "a");
    await end(store, "a");
    absent(await store.create(sessionOf("a")), "create() after the end");
  },

  async "create() that arrives after the acknowledgement makes no session"(
    { store, subject },
  ) {
    const second = await subject.second?.() ?? store;
    const facts = { principal: "ann" };
    await keep(store, "a", facts);
    const { fence } = await end(store, "a");
    same(await store.acknowledge("a", fence), true, "acknowledge()");
    const late = sessionOf("a", { ...facts, sessionTimeout: SHORT });
    absent(await store.create(late), "create() after the acknowledgement");
    absent(await second.create(late), "create() by another node");
    absent(await second.load("a", LOOK), "load()");
    absent(await store.commit("a", { sessionTimeout: LONG }), "commit()");
    same(await store.acknowledge("a", fence), false, "acknowledge() again");
    same(await store.uidsOf("ann"), [], "uidsOf()");
    await subject.advance(SHORT + 1);
    same(await claimAll(second), [], "the ends");
    same(await store.nextIn(), Infinity, "nextIn()");
    present(await store.create(sessionOf("b")), "create() of another uid");
  },

  async "create() refuses the uid of an acknowledged session until a minute after its deadline"(
    { store, subject },
  ) {
    const began = performance.now();
    await subject.advance(5 * SHORT);
    // A real clock would take too long.
    if (performance.now() - began >= 5 * SHORT) return;
    await keep(store, "due", { sessionTimeout: SHORT });
    await keep(store, "early");
    await subject.advance(SHORT);
    const early = await end(store, "early");
    const [due] = await claimAll(store);
    for (const { session: { uid }, fence } of [early, due!]) {
      same(await store.acknowledge(uid, fence), true, "acknowledge()");
    }
    await subject.advance(59_000);
    absent(await store.create(sessionOf("due")), "create() in the minute");
    await subject.advance(LONG - 60_000);
    absent(
      await store.create(sessionOf("early")),
      "create() before the deadline",
    );
    await subject.advance(58_000);
    absent(await store.create(sessionOf("early")), "create() in the minute");
  },

  async "create() refuses the uid of a session past its deadline"(
    { store, subject },
  ) {
    await keep(store, "a", { sessionTimeout: SHORT });
    await subject.advance(SHORT + 1);
    absent(await store.create(sessionOf("a")), "create() past the deadline");
  },
};
