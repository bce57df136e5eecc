/**
 * The tests of a claim: its lease, its fence, `renew()`, `acknowledge()`,
 * `release()` and `deadLetter()`.
 *
 * @module
 */

import {
  absent,
  callbackOf,
  check,
  claimAll,
  claimDue,
  type ContractTests,
  end,
  keep,
  LONG,
  LOOK,
  look,
  NODE,
  OTHER_NODE,
  present,
  same,
  sessionOf,
  SHORT,
  VISIT,
} from "./contract_checks.ts";

/** Milliseconds for a step that must come before a lease runs out. */
const MARGIN = 300;

/** A claimant whose lease runs out in a test. */
const BRIEF = { owner: "brief", lease: SHORT };

/** Tests of leases and fences. */
export const CLAIM_TESTS: ContractTests = {
  async "a lease keeps other nodes from claiming"({ store, subject }) {
    await keep(store, "a", { sessionTimeout: SHORT });
    await subject.advance(SHORT + 1);
    same((await claimAll(store)).length, 1, "the number of ends");
    await subject.advance(SHORT);
    same(await claimAll(store, OTHER_NODE), [], "what another node claims");
    same(await claimAll(store), [], "what the same node claims again");
    absent(await store.end("a", "logout", OTHER_NODE), "end()");
  },

  async "a lease that has run out lets another node claim"(context) {
    const { store } = context;
    await keep(store, "a");
    const first = await end(store, "a", "logout", BRIEF);
    const nextIn = await store.nextIn();
    check(nextIn <= SHORT, `nextIn() should be ${SHORT} or less: ${nextIn}`);
    const [second] = await claimDue(context, 1, { ...BRIEF, lease: LONG });
    same(second!.reason, "logout", "the reason");
    same(second!.at, first.at, "when it ended");
    same(second!.attempt, 2, "the attempt");
    check(second!.fence !== first.fence, "The fence should be another");
    // A short lease before would let a slow store claim twice in claimDue().
    same(await store.renew("a", second!.fence, SHORT), true, "renew()");
    const [third] = await claimDue(context, 1, OTHER_NODE);
    same(third!.attempt, 3, "the attempt");
    check(third!.fence !== second!.fence, "The fence should be another");
    same(await store.acknowledge("a", first.fence), false, "the first");
    same(await store.renew("a", second!.fence, LONG), false, "the second");
    same(await store.acknowledge("a", third!.fence), true, "the third");
  },

  async "a lease that has run out counts until another node claims"(
    { store, subject },
  ) {
    await keep(store, "a");
    const { fence } = await end(store, "a", "logout", BRIEF);
    await subject.advance(SHORT + 1);
    same(await store.renew("a", fence, LONG), true, "renew()");
    same(await claimAll(store, OTHER_NODE), [], "what another node claims");
    same(await store.acknowledge("a", fence), true, "acknowledge()");
  },

  async "renew() starts the lease anew"({ store, subject }) {
    await keep(store, "a");
    const claimant = { ...BRIEF, lease: MARGIN };
    const { fence } = await end(store, "a", "logout", claimant);
    same(await store.renew("a", fence, LONG), true, "renew()");
    await subject.advance(MARGIN + 1);
    same(await claimAll(store, OTHER_NODE), [], "what another node claims");
  },

  async "renew() may shorten the lease"(context) {
    const { store } = context;
    await keep(store, "a");
    const { fence } = await end(store, "a");
    same(await store.renew("a", fence, SHORT), true, "renew()");
    const [again] = await claimDue(context, 1, OTHER_NODE);
    same(again!.attempt, 2, "the attempt");
  },

  async "acknowledge() forgets the session, once"({ store }) {
    await keep(store, "a");
    const { fence } = await end(store, "a");
    same(await store.acknowledge("a", fence), true, "acknowledge()");
    same(await store.acknowledge("a", fence), false, "once more");
    same(await store.renew("a", fence, LONG), false, "renew()");
    same(await store.release("a", fence, 0), false, "release()");
    same(await store.deadLetter("a", fence, "why"), false, "deadLetter()");
    same(await store.nextIn(), Infinity, "nextIn()");
  },

  async "acknowledgeAll() forgets the sessions whose claims it is given"(
    { store },
  ) {
    if (store.acknowledgeAll === undefined) return;
    for (const uid of ["a", "b", "c", "d"]) await keep(store, uid);
    const [a, b, c] = [
      await end(store, "a"),
      await end(store, "b"),
      await end(store, "c"),
    ];
    same(await store.acknowledge("b", b.fence), true, "acknowledge()");
    const claims = [
      { uid: "c", fence: c.fence },
      { uid: "b", fence: b.fence },
      { uid: "d", fence: c.fence },
      { uid: "a", fence: a.fence },
    ];
    same(
      await store.acknowledgeAll(claims),
      [true, false, false, true],
      "acknowledgeAll()",
    );
    same(await store.acknowledgeAll([]), [], "without claims");
    await look(store, "d");
    for (const { session: { uid }, fence } of [a, c]) {
      same(await store.renew(uid, fence, LONG), false, "renew()");
      same(
        await store.create(sessionOf(uid)),
        undefined,
        "create() of an acknowledged session",
      );
    }
  },

  async "release() lets any node claim the end after the delay"(context) {
    const { store } = context;
    await keep(store, "a");
    await keep(store, "b");
    const a = await end(store, "a");
    const b = await end(store, "b");
    same(await store.release("a", a.fence, 0), true, "release() at once");
    same(await store.release("b", b.fence, LONG), true, "release() for later");
    const ends = await claimAll(store, OTHER_NODE);
    same(ends.map(({ session }) => session.uid), ["a"], "the ends");
    same(ends[0]!.attempt, 2, "the attempt");
    same(ends[0]!.reason, "logout", "the reason");
    same(ends[0]!.at, a.at, "when it ended");
    same(await store.acknowledge("b", b.fence), false, "by the former fence");
    await keep(store, "c");
    const c = await end(store, "c");
    same(await store.release("c", c.fence, SHORT), true, "release() for long");
    same((await claimDue(context, 1))[0]!.session.uid, "c", "the end");
  },

  async "deadLetter() keeps an end from being claimed for ever"(
    { store, subject },
  ) {
    await keep(store, "a", { principal: "ann" });
    const { fence } = await end(store, "a", "logout", BRIEF);
    same(await store.deadLetter("a", fence, "why"), true, "deadLetter()");
    await subject.advance(SHORT + 1);
    same(await claimAll(store, OTHER_NODE), [], "the ends");
    same(await store.nextIn(), Infinity, "nextIn()");
    same(await store.uidsOf("ann"), [], "uidsOf()");
    absent(await store.load("a", VISIT), "load()");
    same(await store.acknowledge("a", fence), false, "acknowledge()");
    same(await store.release("a", fence, 0), false, "release()");
    same(await store.deadLetter("a", fence, "again"), false, "once more");
  },

  async "release() keeps the progress of the end"(context) {
    const { store } = context;
    const [a, b] = ["a", "b"].map((name) => callbackOf(name));
    await keep(store, "a", { callbacks: [a!, b!], principal: "ann" });
    const first = await end(store, "a");
    same(first.areListenersDone ?? false, false, "the listeners at first");
    same(first.failingSince, undefined, "failingSince at first");
    const progress = { areListenersDone: true, callbacks: [b!] };
    same(await store.release("a", first.fence, 0, progress), true, "release()");
    const [second] = await claimAll(store, OTHER_NODE);
    same(second!.session.callbacks, [b], "the callbacks that are left");
    same(second!.areListenersDone, true, "the listeners");
    const { failingSince } = second!;
    check(
      failingSince !== undefined && failingSince >= first.session.now &&
        failingSince <= second!.session.now,
      `failingSince should be the time of release(): ${failingSince}`,
    );
    await context.subject.advance(SHORT);
    await store.release("a", second!.fence, 0, { ...progress, callbacks: [] });
    const [third] = await claimAll(store);
    same(third!.session.callbacks, [], "no callbacks");
    same(third!.failingSince, failingSince, "failingSince");
    await store.release("a", third!.fence, 0);
    const [fourth] = await claimAll(store);
    same(fourth!.areListenersDone, true, "the listeners, without progress");
    same(fourth!.failingSince, failingSince, "failingSince without progress");
    await keep(store, "c", { callbacks: [a!, b!] });
    await store.release("c", (await end(store, "c")).fence, 0);
    const [again] = await claimAll(store);
    same(again!.session.callbacks, [a, b], "the callbacks without progress");
    same(
      await store.release("a", "other", 0, progress),
      false,
      "release() by another fence",
    );
  },

  async "a dead letter can be listed, retried and deleted"({ store }) {
    const [a, b] = ["a", "b"].map((name) => callbackOf(name));
    for (const uid of ["one", "two", "alive", "held"]) {
      await keep(store, uid, { callbacks: [a!, b!] });
    }
    const progress = { areListenersDone: true, callbacks: [b!] };
    for (const uid of ["one", "two"]) {
      const { fence } = await end(store, uid, `why ${uid}`);
      await store.deadLetter(uid, fence, "too often", progress);
    }
    await end(store, "held");
    const letters = await store.listDeadLetters();
    same(letters.length, 2, "the number of dead letters");
    for (const { session, reason, why } of letters) {
      same(reason, `why ${session.uid}`, "the reason");
      same(why, "too often", "the error");
      same(session.callbacks, [b], "the callbacks that are left");
    }
    for (const uid of ["alive", "held", "unknown"]) {
      same(await store.retryDeadLetter(uid), false, `retry of "${uid}"`);
      same(await store.deleteDeadLetter(uid), false, `deletion of "${uid}"`);
    }
    same(await store.retryDeadLetter("one"), true, "retryDeadLetter()");
    same(await store.retryDeadLetter("one"), false, "a second time");
    const [claimed, ...others] = await claimAll(store, OTHER_NODE);
    same(others, [], "the other ends");
    same(claimed!.session.uid, "one", "the end");
    same(claimed!.reason, "why one", "its reason");
    same(claimed!.areListenersDone, true, "the listeners");
    same(claimed!.session.callbacks, [b], "its callbacks");
    same(claimed!.failingSince, undefined, "failingSince");
    same(await store.acknowledge("one", claimed!.fence), true, "acknowledge()");
    same(await store.deleteDeadLetter("two"), true, "deleteDeadLetter()");
    same(await store.deleteDeadLetter("two"), false, "a second time");
    same(await store.listDeadLetters(), [], "no dead letters");
    absent(await store.create(sessionOf("two")), "create() after the deletion");
    present(await store.load("alive", LOOK), "load() of the live session");
  },

  async "another fence than that of the claim is refused"({ store }) {
    await keep(store, "a");
    await keep(store, "alive");
    const { fence } = await end(store, "a");
    for (const other of ["", "other", `${fence}x`, NODE.owner]) {
      same(await store.renew("a", other, LONG), false, "renew()");
      same(await store.release("a", other, 0), false, "release()");
      same(await store.deadLetter("a", other, "why"), false, "deadLetter()");
      same(await store.acknowledge("a", other), false, "acknowledge()");
      same(await store.acknowledge("alive", other), false, "of a live session");
      same(await store.acknowledge("unknown", other), false, "of no session");
    }
    same(
      await store.acknowledge("a", fence),
      true,
      "by the fence of the claim",
    );
    present(await store.load("alive", LOOK), "load() of the live session");
  },
};
