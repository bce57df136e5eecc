/**
 * The tests of what a store does with sessions that live.
 *
 * @module
 */

import {
  absent,
  callbackOf,
  check,
  claimAll,
  type ContractTests,
  HASH,
  keep,
  LONG,
  LOOK,
  look,
  NODE,
  present,
  same,
  sessionOf,
  SHORT,
  VISIT,
} from "./contract_checks.ts";

/** Tests of create(), load(), commit() and uidsOf(). */
export const RECORD_TESTS: ContractTests = {
  async "create() keeps what it is given"({ store }) {
    const facts = {
      secretHash: "0f".repeat(32),
      oldSecrets: [{ hash: "aa".repeat(32), until: 1 }],
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
    const times = await keep(store, "a", facts);
    const session = await look(store, "a");
    same(session, {
      ...facts,
      ...times,
      uid: "a",
      now: session.now,
      touchedBefore: times.touchedAt,
    }, "the session that is loaded");
  },

  async "create() counts the age and the idleness from the store's time"(
    { store },
  ) {
    const times = await keep(store, "a", { age: 5000, idle: 2000 });
    same(times.createdAt, times.now - 5000, "createdAt");
    same(times.touchedAt, times.now - 2000, "touchedAt");
  },

  async "create() sets the deadline by the timeout that comes first"(
    { store },
  ) {
    const ages = { age: 5000, idle: 2000 };
    const idle = await keep(store, "idle", { ...ages });
    same(idle.deadline, idle.touchedAt + LONG, "the deadline by idleness");
    const absoluteTimeout = LONG / 2;
    const absolute = await keep(store, "age", { ...ages, absoluteTimeout });
    same(
      absolute.deadline,
      absolute.createdAt + absoluteTimeout,
      "the deadline by age",
    );
  },

  async "create() never ends what has no timeouts"({ store }) {
    const times = await keep(store, "a", { sessionTimeout: Infinity });
    same(times.deadline, Infinity, "the deadline");
    const loaded = present(await store.load("a", VISIT), "load()");
    same(loaded.deadline, Infinity, "the deadline after a touch");
    same(loaded.sessionTimeout, Infinity, "sessionTimeout");
    same(loaded.absoluteTimeout, Infinity, "absoluteTimeout");
    same(await store.nextIn(), Infinity, "nextIn()");
  },

  async "create() refuses the uid of one that lives, and changes nothing"(
    { store },
  ) {
    await keep(store, "a", { values: new Map([["key", "first"]]) });
    const values = new Map([["key", "second"]]);
    absent(await store.create(sessionOf("a", { values })), "create() again");
    same((await look(store, "a")).values.get("key"), "first", "the value");
  },

  async "create() refuses the uid of one that has ended, until it is acknowledged"(
    { store },
  ) {
    await keep(store, "a");
    const end = present(await store.end("a", "logout", NODE), "end()");
    absent(await store.create(sessionOf("a")), "create() after the end");
    same(await store.acknowledge("a", end.fence), true, "acknowledge()");
    present(await store.create(sessionOf("a")), "create() once told");
  },

  async "create() refuses the uid of one past its deadline"(
    { store, subject },
  ) {
    await keep(store, "a", { sessionTimeout: SHORT });
    await subject.advance(SHORT + 1);
    absent(await store.create(sessionOf("a")), "create() past the deadline");
  },

  async "load() answers undefined for one that there never was"({ store }) {
    absent(await store.load("nobody", VISIT), "load()");
    absent(await store.load("", VISIT), "load() of no name");
  },

  async "load() answers undefined past the deadline, for ever"(
    { store, subject },
  ) {
    await keep(store, "a", { sessionTimeout: SHORT });
    await subject.advance(SHORT + 1);
    absent(await store.load("a", VISIT), "load() past the deadline");
    absent(await store.load("a", VISIT), "load() once more");
    same((await claimAll(store)).length, 1, "ends that can be claimed");
    absent(await store.load("a", VISIT), "load() after the claim");
  },

  async "load() touches with the current secret"({ store }) {
    const made = await keep(store, "a", { age: 5000, idle: 2000 });
    const loaded = present(await store.load("a", VISIT), "load()");
    same(loaded.touchedAt, loaded.now, "touchedAt");
    same(loaded.touchedBefore, made.touchedAt, "touchedBefore");
    same(loaded.deadline, loaded.now + LONG, "the deadline");
    same(loaded.version, made.version, "the version");
    same(loaded.createdAt, made.createdAt, "createdAt");
    const again = await look(store, "a");
    same(again.touchedAt, loaded.touchedAt, "touchedAt as it is kept");
    same(again.deadline, loaded.deadline, "the deadline as it is kept");
  },

  async "load() touches with an old secret within its grace only"({ store }) {
    const { now } = await keep(store, "clock");
    const oldSecrets = [
      { hash: "aa".repeat(32), until: now + LONG },
      { hash: "bb".repeat(32), until: now - 1 },
    ];
    const made = await keep(store, "a", { idle: 2000, oldSecrets });
    const outdated = { secretHash: "bb".repeat(32), touch: true };
    const first = present(await store.load("a", outdated), "load()");
    same(first.touchedAt, made.touchedAt, "touchedAt by the outdated secret");
    same(first.touchedBefore, made.touchedAt, "touchedBefore");
    const graced = { secretHash: "aa".repeat(32), touch: true };
    const second = present(await store.load("a", graced), "load()");
    same(second.touchedAt, second.now, "touchedAt by the secret in its grace");
    same(second.oldSecrets, oldSecrets, "oldSecrets");
  },

  async "load() answers a forged secret, but is no touch"({ store }) {
    const made = await keep(store, "a", { idle: 2000 });
    for (const secretHash of ["ff".repeat(32), "", HASH.slice(0, -1)]) {
      const loaded = present(
        await store.load("a", { secretHash, touch: true }),
        "load()",
      );
      same(loaded.touchedAt, made.touchedAt, "touchedAt");
      same(loaded.deadline, made.deadline, "the deadline");
      same(loaded.secretHash, HASH, "secretHash");
    }
  },

  async "load() is no touch unless asked to"({ store }) {
    const made = await keep(store, "a", { idle: 2000 });
    const loaded = await look(store, "a");
    same(loaded.touchedAt, made.touchedAt, "touchedAt");
    same(loaded.touchedBefore, made.touchedAt, "touchedBefore");
    same(loaded.deadline, made.deadline, "the deadline");
  },

  async "load() touches not past absoluteTimeout"({ store }) {
    const made = await keep(store, "a", { age: 5000, absoluteTimeout: LONG });
    const loaded = present(await store.load("a", VISIT), "load()");
    same(loaded.deadline, made.createdAt + LONG, "the deadline");
  },

  async "commit() changes the keys that it is given and no others"(
    { store },
  ) {
    const values = new Map([["kept", "1"], ["changed", "2"], ["gone", "3"]]);
    const made = await keep(store, "a", { values });
    const times = present(
      await store.commit("a", {
        values: new Map([["changed", "4"], ["gone", undefined], ["new", "5"]]),
      }),
      "commit()",
    );
    check(times.version > made.version, "commit() should raise the version");
    same(times.deadline, made.deadline, "the deadline");
    const loaded = await look(store, "a");
    same(
      loaded.values,
      new Map([["kept", "1"], ["changed", "4"], ["new", "5"]]),
      "the values",
    );
    same(loaded.version, times.version, "the version as it is kept");
  },

  async "commit() of two nodes that write different keys keeps both"(
    { store, subject },
  ) {
    const second = await subject.second?.() ?? store;
    await keep(store, "a");
    const keys = Array.from({ length: 40 }, (_, i) => `key ${i}`);
    const answers = await Promise.all(
      keys.map((key, i) =>
        (i % 2 === 0 ? store : second).commit("a", {
          values: new Map([[key, key]]),
        })
      ),
    );
    const versions = answers.map((times) => present(times, "commit()").version);
    same(new Set(versions).size, keys.length, "different versions");
    const { values } = await look(store, "a");
    same(values, new Map(keys.map((key) => [key, key])), "the values");
  },

  async "commit() without anything changes nothing"({ store }) {
    const made = await keep(store, "a", { principal: "ann" });
    const times = present(await store.commit("a", {}), "commit()");
    same({ ...times, now: 0 }, { ...made, now: 0 }, "the times");
    same((await look(store, "a")).principal, "ann", "the principal");
  },

  async "commit() is refused past the deadline"({ store, subject }) {
    await keep(store, "a", { sessionTimeout: SHORT });
    await subject.advance(SHORT + 1);
    absent(
      await store.commit("a", { sessionTimeout: LONG, idle: 0 }),
      "commit() past the deadline",
    );
    const [end] = await claimAll(store);
    same(present(end, "claim()").session.sessionTimeout, SHORT, "the timeout");
  },

  async "commit() is refused after the end, before and after the acknowledgement"(
    { store },
  ) {
    await keep(store, "a", { principal: "ann" });
    const end = present(await store.end("a", "logout", NODE), "end()");
    const changes = { principal: "eve", values: new Map([["late", "1"]]) };
    absent(await store.commit("a", changes), "commit() after the end");
    absent(await store.load("a", LOOK), "load() after the commit");
    same(await store.uidsOf("eve"), [], "uidsOf()");
    await store.acknowledge("a", end.fence);
    absent(await store.commit("a", changes), "commit() once told");
    absent(await store.load("a", LOOK), "load() once told");
  },

  async "commit() counts changed timeouts from the last touch"({ store }) {
    const made = await keep(store, "a", { age: 9000, idle: 5000 });
    const longer = present(
      await store.commit("a", { sessionTimeout: 2 * LONG }),
      "commit()",
    );
    same(longer.touchedAt, made.touchedAt, "touchedAt");
    same(longer.deadline, made.touchedAt + 2 * LONG, "the deadline");
    const absoluteTimeout = LONG / 2;
    const older = present(
      await store.commit("a", { absoluteTimeout }),
      "commit()",
    );
    same(older.deadline, made.createdAt + absoluteTimeout, "the deadline");
    const loaded = await look(store, "a");
    same(loaded.sessionTimeout, 2 * LONG, "sessionTimeout");
    same(loaded.absoluteTimeout, absoluteTimeout, "absoluteTimeout");
    check(loaded.version > made.version, "commit() should raise the version");
  },

  async "commit() of a timeout that has passed already ends the session"(
    { store },
  ) {
    await keep(store, "a", { age: 9000, idle: 9000 });
    await store.commit("a", { absoluteTimeout: 100 });
    absent(await store.load("a", VISIT), "load()");
    const [end] = await claimAll(store);
    same(present(end, "claim()").reason, "absolute", "the reason");
  },

  async "commit() sets, changes and clears the principal"({ store }) {
    await keep(store, "a");
    await store.commit("a", { principal: "ann" });
    same(
      (await look(store, "a")).principal,
      "ann",
      "the principal that is set",
    );
    same(await store.uidsOf("ann"), ["a"], "uidsOf()");
    await store.commit("a", { principal: "bob" });
    same((await look(store, "a")).principal, "bob", "the principal, changed");
    same(await store.uidsOf("ann"), [], "uidsOf() of who had it");
    same(await store.uidsOf("bob"), ["a"], "uidsOf() of who has it");
    await store.commit("a", { principal: null });
    absent((await look(store, "a")).principal, "the principal, cleared");
    same(await store.uidsOf("bob"), [], "uidsOf()");
    await store.commit("a", { principal: "" });
    same(
      (await look(store, "a")).principal,
      "",
      "the principal without a name",
    );
    same(await store.uidsOf(""), ["a"], "uidsOf() of no name");
  },

  async "commit() renews the secret, and the one before has its grace"(
    { store },
  ) {
    const made = await keep(store, "a", { idle: 2000 });
    const renewal = { secretHash: "cc".repeat(32), grace: LONG };
    const times = present(await store.commit("a", { renewal }), "commit()");
    check(times.version > made.version, "commit() should raise the version");
    same(times.touchedAt, made.touchedAt, "touchedAt after the commit");
    const loaded = present(await store.load("a", VISIT), "load()");
    same(loaded.touchedAt, loaded.now, "touchedAt by the one before");
    same(loaded.secretHash, renewal.secretHash, "secretHash");
    const [old, ...others] = loaded.oldSecrets;
    same(old, { hash: HASH, until: times.now + LONG }, "the one before");
    same(others, [], "others before");
  },

  async "commit() renews the secret without a grace"({ store }) {
    const made = await keep(store, "a", { idle: 2000 });
    const renewal = { secretHash: "cc".repeat(32), grace: 0 };
    await store.commit("a", { renewal });
    const loaded = present(await store.load("a", VISIT), "load()");
    same(loaded.touchedAt, made.touchedAt, "touchedAt by the one before");
    same(loaded.oldSecrets.length, 1, "how many old secrets there are");
  },

  async "commit() keeps the last 8 of the old secrets"({ store }) {
    const oldSecrets = [{ hash: "aa".repeat(32), until: 1 }];
    await keep(store, "a", { oldSecrets });
    const hashes = Array.from({ length: 9 }, (_, i) => `${i}`.repeat(64));
    for (const secretHash of hashes) {
      await store.commit("a", { renewal: { secretHash, grace: 0 } });
    }
    const loaded = await look(store, "a");
    same(loaded.secretHash, hashes[8], "secretHash");
    same(
      loaded.oldSecrets.map(({ hash }) => hash),
      hashes.slice(0, 8),
      "the old secrets",
    );
  },

  async "commit() appends callbacks in their order"({ store }) {
    const [a, b, c] = ["a", "b", "c"].map((name) => callbackOf(name));
    const again = callbackOf("b", { id: "b again" });
    await keep(store, "a", { callbacks: [a!] });
    await store.commit("a", { addedCallbacks: [b!, c!] });
    await store.commit("a", { addedCallbacks: [again] });
    const end = present(await store.end("a", "logout", NODE), "end()");
    same(end.session.callbacks, [a, b, c, again], "the callbacks");
  },

  async "commit() keeps a callback once that is added again"({ store }) {
    const [a, b, c] = ["a", "b", "c"].map((name) => callbackOf(name));
    await keep(store, "a", { callbacks: [a!] });
    await store.commit("a", { addedCallbacks: [b!] });
    await store.commit("a", { addedCallbacks: [a!, b!, c!] });
    const end = present(await store.end("a", "logout", NODE), "end()");
    same(end.session.callbacks, [a, b, c], "the callbacks");
  },

  async "commit() moves the last touch forward only"({ store }) {
    const made = await keep(store, "a", { age: 5000, idle: 2000 });
    const back = present(await store.commit("a", { idle: 4000 }), "commit()");
    same(back.touchedAt, made.touchedAt, "touchedAt after an older touch");
    same(back.version, made.version, "the version");
    const forward = present(
      await store.commit("a", { idle: 500 }),
      "commit()",
    );
    same(forward.touchedAt, forward.now - 500, "touchedAt after a newer one");
    same(forward.deadline, forward.touchedAt + LONG, "the deadline");
    same(forward.version, made.version, "the version");
  },

  async "commit() takes a touch back"({ store }) {
    const made = await keep(store, "a", { idle: 2000 });
    const loaded = present(await store.load("a", VISIT), "load()");
    const { touchedAt, touchedBefore: before } = loaded;
    const times = present(
      await store.commit("a", { takenBack: { touchedAt, before } }),
      "commit()",
    );
    same(times.touchedAt, made.touchedAt, "touchedAt");
    same(times.deadline, made.deadline, "the deadline");
    same(times.version, made.version, "the version");
    same((await look(store, "a")).deadline, made.deadline, "the deadline kept");
  },

  async "commit() takes a touch back behind an earlier one"(
    { store, subject },
  ) {
    const made = await keep(store, "a", { idle: 2000 });
    await store.load("a", VISIT);
    await subject.advance(5);
    const second = present(await store.load("a", VISIT), "load()");
    const { touchedAt, touchedBefore: before } = second;
    const to = made.touchedAt;
    const times = present(
      await store.commit("a", { takenBack: { touchedAt, before, to } }),
      "commit()",
    );
    same(times.touchedAt, made.touchedAt, "touchedAt");
    same(times.deadline, made.deadline, "the deadline");
  },

  async "commit() takes no touch back if there was a later one"(
    { store, subject },
  ) {
    await keep(store, "a", { idle: 2000 });
    const first = present(await store.load("a", VISIT), "load()");
    await subject.advance(5);
    const second = present(await store.load("a", VISIT), "load()");
    same(second.touchedBefore, first.touchedAt, "touchedBefore");
    const { touchedAt, touchedBefore: before } = first;
    const times = present(
      await store.commit("a", { takenBack: { touchedAt, before } }),
      "commit()",
    );
    same(times.touchedAt, second.touchedAt, "touchedAt");
    same(times.deadline, second.deadline, "the deadline");
  },

  async "commit() takes no touch back if there was one in the same millisecond"(
    { store },
  ) {
    await keep(store, "a", { idle: 2000 });
    const first = present(await store.load("a", VISIT), "load()");
    const second = present(await store.load("a", VISIT), "load()");
    const { touchedAt, touchedBefore: before } = first;
    const times = present(
      await store.commit("a", { takenBack: { touchedAt, before } }),
      "commit()",
    );
    same(times.touchedAt, second.touchedAt, "touchedAt");
  },

  async "commit() takes no touch back if a commit has brought a later one"(
    { store, subject },
  ) {
    await keep(store, "a", { idle: 2000 });
    const first = present(await store.load("a", VISIT), "load()");
    await subject.advance(5);
    const later = present(await store.commit("a", { idle: 0 }), "commit()");
    const { touchedAt, touchedBefore: before } = first;
    const times = present(
      await store.commit("a", { takenBack: { touchedAt, before } }),
      "commit()",
    );
    same(times.touchedAt, later.touchedAt, "touchedAt");
  },

  async "commit() answers undefined for one that there never was"(
    { store },
  ) {
    const values = new Map([["key", "1"]]);
    absent(await store.commit("nobody", { values }), "commit()");
    absent(await store.load("nobody", LOOK), "load()");
  },

  async "values are any strings, and so are their keys"({ store }) {
    const texts = [
      "",
      "\0",
      "a\0b",
      "\u{1F550} \u00e9",
      "\ud800",
      "\udc00x",
      '"\\\n',
      "__proto__",
      "constructor",
      "1",
      "null",
      "x".repeat(1_000_000),
    ];
    const values = new Map(texts.map((text) => [text, text]));
    await keep(store, "created", { values });
    await keep(store, "committed");
    await store.commit("committed", { values });
    for (const uid of ["created", "committed"]) {
      const loaded = await look(store, uid);
      same(loaded.values.size, texts.length, "how many values there are");
      for (const text of texts) {
        const value = loaded.values.get(text);
        check(value === text, `The value ${name(text)} should stay as it is`);
      }
      await store.commit(uid, {
        values: new Map(texts.map((text) => [text, undefined])),
      });
      same((await look(store, uid)).values, new Map(), "no values");
    }
  },

  async "principals, callbacks and reasons are any strings"({ store }) {
    for (
      const text of ["\0", "\ud800", "\u{1F550}", "__proto__", "{}", "a:b*"]
    ) {
      const callbacks = [{ id: text, name: text, argument: text }];
      await keep(store, "a", { principal: text, callbacks });
      same(await store.uidsOf(text), ["a"], `uidsOf(${name(text)})`);
      const end = present(await store.end("a", text, NODE), "end()");
      same(end.reason, text, "the reason");
      same(end.session.principal, text, "the principal");
      same(end.session.callbacks, callbacks, "the callbacks");
      same(await store.acknowledge("a", end.fence), true, "acknowledge()");
    }
  },

  async "uidsOf() answers those that are not over, oldest first"(
    { store, subject },
  ) {
    const principal = "ann";
    await keep(store, "young", { principal, age: 10, idle: 10 });
    await keep(store, "old", { principal, age: 3000 });
    await keep(store, "middle", { principal, age: 2000 });
    await keep(store, "due", { principal, age: 2500, sessionTimeout: SHORT });
    await keep(store, "other", { principal: "bob" });
    await subject.advance(SHORT + 1);
    const expected = ["old", "middle", "young"];
    same(await store.uidsOf(principal), expected, "before the claim");
    await claimAll(store);
    same(await store.uidsOf(principal), expected, "after the claim");
    await store.end("middle", "logout", NODE);
    same(await store.uidsOf(principal), ["old", "young"], "after an end");
    same(await store.uidsOf("nobody"), [], "of nobody");
  },

  async "what has been acknowledged leaves no trace"({ store }) {
    const facts = { principal: "ann", values: new Map([["key", "1"]]) };
    await keep(store, "a", {
      ...facts,
      callbacks: [callbackOf("n", { argument: "" })],
    });
    const end = present(await store.end("a", "logout", NODE), "end()");
    await store.acknowledge("a", end.fence);
    same(await store.uidsOf("ann"), [], "uidsOf()");
    same(await store.nextIn(), Infinity, "nextIn()");
    await keep(store, "a");
    const loaded = await look(store, "a");
    same(loaded.values, new Map(), "the values of the next of that name");
    same(loaded.callbacks, [], "its callbacks");
    absent(loaded.principal, "its principal");
  },
};

function name(text: string): string {
  return JSON.stringify(text.slice(0, 20));
}
