/**
 * The tests of the texts in records, and of the index by principal.
 *
 * @module
 */

import {
  absent,
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
  NODE,
  present,
  same,
  SHORT,
  VISIT,
  visit,
} from "./contract_checks.ts";

/** Tests of texts in records, of uidsOf(), and of traces. */
export const RECORD_TESTS: ContractTests = {
  async "values and their keys may be any strings"({ store }) {
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
      same(loaded.values.size, texts.length, "the number of values");
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

  async "principals, callbacks and reasons may be any strings"({ store }) {
    const texts = ["\0", "\ud800", "\u{1F550}", "__proto__", "{}", "a:b*"];
    for (const [i, text] of texts.entries()) {
      const uid = `${i}`;
      const callbacks = [{ id: text, name: text, argument: text }];
      await keep(store, uid, { principal: text, callbacks });
      same(await store.uidsOf(text), [uid], `uidsOf(${name(text)})`);
      const { reason, session, fence } = await end(store, uid, text);
      same(reason, text, "the reason");
      same(session.principal, text, "the principal");
      same(session.callbacks, callbacks, "the callbacks");
      same(await store.acknowledge(uid, fence), true, "acknowledge()");
    }
  },

  async "texts that differ in case, accents, or a space at the end are different"(
    { store },
  ) {
    const texts = ["ann", "Ann", "ann ", "\u00e4nn", "a\u0308nn", "anna"];
    const values = new Map(texts.map((text) => [text, text]));
    for (const [i, principal] of texts.entries()) {
      await keep(store, `${i}`, { principal, values });
    }
    for (const [i, text] of texts.entries()) {
      same(await store.uidsOf(text), [`${i}`], `uidsOf(${name(text)})`);
    }
    same((await look(store, "0")).values, values, "the values");
    await keep(store, "a");
    await keep(store, "A");
    await end(store, "A");
    present(await store.load("a", LOOK), `load() of "a" after the end of "A"`);
  },

  async "errors of dead letters and descriptions may be any strings"(
    { store },
  ) {
    for (const text of ["", "\0", "\ud800", "\u{1F550}", "a\n\t'b"]) {
      const uid = `${text.length}-${text.codePointAt(0) ?? ""}`;
      await keep(store, uid, { description: text });
      const { session, fence } = await end(store, uid);
      same(session.description, text, `the description ${name(text)}`);
      same(await store.deadLetter(uid, fence, text), true, "deadLetter()");
      const letters = await store.listDeadLetters();
      const letter = letters.find(({ session }) => session.uid === uid);
      same(letter?.why, text, `the error ${name(text)}`);
    }
  },

  async "times are whole milliseconds"(context) {
    const { store } = context;
    const made = await keep(store, "a", { age: 7, idle: 3, loginAge: 5 });
    const loaded = await visit(store, "a");
    const changed = await commit(store, "a", { idle: 1 });
    for (
      const { now, createdAt, touchedAt, deadline } of [made, loaded, changed]
    ) {
      for (const time of [now, createdAt, touchedAt, deadline]) {
        check(Number.isInteger(time), `A time should be whole: ${time}`);
      }
    }
    check(Number.isInteger(loaded.authenticatedAt), "and that of the login");
    const { at, session } = await end(store, "a");
    check(Number.isInteger(at), `The end should be at a whole time: ${at}`);
    check(Number.isInteger(session.now), `and claimed at one: ${session.now}`);
  },

  async "uidsOf() lists sessions of one millisecond as they were created"(
    { store },
  ) {
    const uids = Array.from({ length: 30 }, (_, i) => `${i * 7919 % 30}`);
    for (const uid of uids) await keep(store, uid, { principal: "ann" });
    same(await store.uidsOf("ann"), uids, "the sessions of ann");
  },

  async "a call that waited for a lock finds a session over that is past its deadline"(
    { store, subject },
  ) {
    if (subject.lock === undefined) return;
    const second = await subject.second?.() ?? store;
    const wait = 5 * SHORT;
    for (const uid of ["load", "commit", "end"]) {
      await keep(store, uid, { sessionTimeout: wait });
    }
    const unlock = await Promise.all(
      ["load", "commit", "end"].map((uid) => subject.lock!(uid)),
    );
    const answers = Promise.all([
      store.load("load", VISIT),
      second.commit("commit", { idle: 0, sessionTimeout: LONG }),
      store.end("end", "logout", NODE),
    ]);
    await subject.advance(wait + 1);
    for (const letGo of unlock) await letGo();
    same(await answers, [undefined, undefined, undefined], "the answers");
    const ends = await claimAll(store);
    same(
      ends.map(({ reason }) => reason),
      ["idle", "idle", "idle"],
      "the ends",
    );
  },

  async "uidsOf() lists the sessions that are not over, oldest first"(
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
    await end(store, "middle");
    same(await store.uidsOf(principal), ["old", "young"], "after an end");
    same(await store.uidsOf("nobody"), [], "of an unknown principal");
  },

  async "acknowledge() makes the session absent everywhere"({ store }) {
    const facts = { principal: "ann", values: new Map([["key", "1"]]) };
    const callbacks = [callbackOf("n", { argument: "" })];
    await keep(store, "a", { ...facts, callbacks, loginAge: 0 });
    const { fence } = await end(store, "a");
    await store.acknowledge("a", fence);
    same(await store.uidsOf("ann"), [], "uidsOf()");
    same(await store.nextIn(), Infinity, "nextIn()");
    absent(await store.load("a", LOOK), "load()");
    absent(await store.commit("a", { sessionTimeout: LONG }), "commit()");
  },
};

function name(text: string): string {
  return JSON.stringify(text.slice(0, 20));
}
