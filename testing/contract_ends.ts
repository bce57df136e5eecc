/**
 * The tests of `end()`, `claim()` and `nextIn()`.
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
  HASH,
  keep,
  LONG,
  LOOK,
  NODE,
  OTHER_NODE,
  present,
  same,
  SHORT,
  tokenOf,
  VISIT,
} from "./contract_checks.ts";

/** Milliseconds for a step that must come before a deadline. */
const MARGIN = 300;

/** Tests of end(), claim() and nextIn(). */
export const END_TESTS: ContractTests = {
  async "end() claims the end for the caller"({ store }) {
    const values = new Map([["key", "1"]]);
    const made = await keep(store, "a", { principal: "ann", values });
    const { session, reason, attempt, fence, at } = await end(store, "a");
    same(reason, "logout", "the reason");
    same(attempt, 1, "the attempt");
    check(fence !== "", "A fence should name the claim");
    check(
      at >= made.now && at <= session.now,
      `An end should be at the store's time, but is at ${at}`,
    );
    same(session.uid, "a", "the uid");
    same(session.values, values, "the values");
    same(session.principal, "ann", "the principal");
    same(session.deadline, made.deadline, "the deadline");
    same(await claimAll(store, OTHER_NODE), [], "what other nodes can claim");
  },

  async "end() makes the session absent"({ store }) {
    await keep(store, "a", { principal: "ann" });
    await end(store, "a");
    absent(await store.load("a", VISIT), "load()");
    same(await store.uidsOf("ann"), [], "uidsOf()");
  },

  async "end() answers an end to one caller only"({ store, subject }) {
    const second = await subject.second?.() ?? store;
    await keep(store, "a");
    const ends = await Promise.all(
      Array.from(
        { length: 20 },
        (_, i) => (i % 2 === 0 ? store : second).end("a", `reason ${i}`, NODE),
      ),
    );
    const claimed = ends.filter((end) => end !== undefined);
    same(claimed.length, 1, "the number of ends");
    absent(await store.end("a", "logout", NODE), "end() once more");
    await store.acknowledge("a", claimed[0]!.fence);
    absent(await store.end("a", "logout", NODE), "end() when acknowledged");
  },

  async "end() answers undefined for an unknown uid"({ store }) {
    absent(await store.end("unknown", "logout", NODE), "end()");
  },

  async "end() leaves a session past its deadline to claim()"(context) {
    const { store, subject } = context;
    await keep(store, "a", { sessionTimeout: SHORT });
    await subject.advance(SHORT + 1);
    absent(await store.end("a", "logout", NODE), "end() past the deadline");
    const [claimed] = await claimDue(context, 1);
    same(claimed!.reason, "idle", "the reason");
  },

  async "claim() answers nothing while nothing is due"({ store }) {
    same(
      await store.claim(NODE, 10),
      { ends: [], nextIn: Infinity },
      "claim() of an empty store",
    );
    await keep(store, "a", { sessionTimeout: Infinity });
    same((await store.claim(NODE, 10)).nextIn, Infinity, "nextIn of no end");
    await keep(store, "b");
    const { ends, nextIn } = await store.claim(NODE, 10);
    same(ends, [], "the ends");
    check(
      nextIn > 0 && nextIn <= LONG,
      `nextIn should be ${LONG} or less, but not 0: ${nextIn}`,
    );
  },

  async "claim() answers why and when a session ended"(context) {
    const { store } = context;
    const ages = { age: LONG, idle: LONG };
    const made = [
      await keep(store, "idle", { ...ages, sessionTimeout: LONG + SHORT }),
      await keep(store, "absolute", { absoluteTimeout: SHORT }),
      await keep(store, "tie", {
        sessionTimeout: SHORT,
        absoluteTimeout: SHORT,
      }),
    ];
    const claimed = await claimDue(context, 3);
    const ends = new Map(claimed.map((end) => [end.session.uid, end]));
    const reasons = { idle: "idle", absolute: "absolute", tie: "absolute" };
    Object.entries(reasons).forEach(([uid, reason], i) => {
      const end = present(ends.get(uid), `the end of "${uid}"`);
      same(end.reason, reason, `the reason of "${uid}"`);
      same(end.at, made[i]!.deadline, `when "${uid}" ended`);
      same(end.attempt, 1, "the attempt");
    });
  },

  async "claim() answers the session as it was"(context) {
    const { store } = context;
    const facts = {
      tokens: [tokenOf(HASH, 2)],
      generation: 2,
      loginGeneration: 1,
      isRenewalDue: true,
      isRemembered: true,
      isSecure: true,
      principal: "ann",
      sessionTimeout: SHORT,
      absoluteTimeout: LONG,
      values: new Map([["key", "1"]]),
      callbacks: [callbackOf("free", { argument: "7" })],
    };
    const made = await keep(store, "a", { ...facts, loginAge: 1000 });
    const [claimed] = await claimDue(context, 1);
    const { session } = claimed!;
    const expected = {
      ...facts,
      ...made,
      uid: "a",
      now: session.now,
      authenticatedAt: made.now - 1000,
    };
    // A store may add the facts that a loaded session has.
    const touchedBefore = 0;
    same(
      { ...session, touchedBefore },
      { ...expected, touchedBefore },
      "the session",
    );
  },

  async "claim() is never early"(context) {
    const { store, subject } = context;
    const count = 50;
    for (let i = 0; i < count; i++) {
      await keep(store, `${i}`, { sessionTimeout: SHORT + i });
    }
    let claimed = 0;
    while (claimed < count) {
      for (const { session } of await claimAll(store)) {
        claimed++;
        check(
          session.now >= session.deadline,
          `A session was claimed ${session.deadline - session.now} ms early`,
        );
      }
      await subject.advance(1);
    }
  },

  async "claim() answers the earliest due ends, up to the limit"(
    { store, subject },
  ) {
    const deadlines: number[] = [];
    for (const i of [5, 2, 9, 1, 7, 3, 8, 4, 6]) {
      const facts = { sessionTimeout: SHORT + i * 3 };
      // If create() is slow, sessions that were made last may be due last.
      deadlines.push((await keep(store, `${i}`, facts)).deadline);
    }
    deadlines.sort((a, b) => a - b);
    await subject.advance(SHORT + 40);
    const first = await store.claim(NODE, 4);
    same(first.ends.map(({ at }) => at), deadlines.slice(0, 4), "the first 4");
    same(first.nextIn, 0, "nextIn while there are more");
    const rest = await store.claim(NODE, 100);
    same(rest.ends.map(({ at }) => at), deadlines.slice(4), "the others");
    check(rest.nextIn > 0, "nextIn should not be 0 when all are claimed");
  },

  async "claim() leaves out a session that was touched"(context) {
    const { store, subject } = context;
    // On a machine that is stalled, the touch may come too late.
    for (const margin of [MARGIN, 5 * MARGIN, 50 * MARGIN]) {
      const idle = LONG - margin;
      await keep(store, "left", { idle });
      await keep(store, "touched", { idle });
      if (await store.load("touched", VISIT) !== undefined) {
        await subject.advance(margin + 1);
        const uids = (await claimAll(store)).map(({ session }) => session.uid);
        same(uids, ["left"], "the ends");
        present(await store.load("touched", LOOK), "load() of the touched one");
        return;
      }
      for (const { session, fence } of await claimDue(context, 2)) {
        await store.acknowledge(session.uid, fence);
      }
    }
    check(false, "load() before the deadline should find the session");
  },

  async "nextIn() leads to the next end step by step"({ store, subject }) {
    const made = await keep(store, "a", { sessionTimeout: 5 * SHORT });
    await keep(store, "later");
    for (let rounds = 0;; rounds++) {
      check(rounds < 50, "nextIn() should lead to the end in fewer rounds");
      const nextIn = await store.nextIn();
      check(
        nextIn >= 0 && nextIn <= 5 * SHORT,
        `nextIn() should be ${5 * SHORT} or less: ${nextIn}`,
      );
      await subject.advance(Math.ceil(nextIn));
      const { ends } = await store.claim(NODE, 10);
      if (ends.length === 0) continue;
      same(ends[0]!.at, made.deadline, "when it ended");
      return;
    }
  },
};
