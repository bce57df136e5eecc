/**
 * The tests of what a store does with ends.
 *
 * @module
 */

import type { ClaimedEnd } from "../stores/store.ts";
import {
  absent,
  callbackOf,
  check,
  claimAll,
  claimDue,
  type ContractTests,
  keep,
  LONG,
  LOOK,
  NODE,
  OTHER_NODE,
  present,
  same,
  SHORT,
  VISIT,
} from "./contract_checks.ts";

/** Milliseconds for what must be done before a deadline comes. */
const MARGIN = 300;

/** Tests of end(), claim() and what is done with a claim. */
export const END_TESTS: ContractTests = {
  async "end() hands the end to the caller"({ store }) {
    const values = new Map([["key", "1"]]);
    const made = await keep(store, "a", { principal: "ann", values });
    const end = present(await store.end("a", "logout", NODE), "end()");
    same(end.reason, "logout", "the reason");
    same(end.attempt, 1, "the attempt");
    check(end.fence !== "", "A fence should name the claim");
    check(
      end.at >= made.now && end.at <= end.session.now,
      `An end should be at the store's time, but is at ${end.at}`,
    );
    same(end.session.uid, "a", "the uid");
    same(end.session.values, values, "the values");
    same(end.session.principal, "ann", "the principal");
    same(end.session.deadline, made.deadline, "the deadline that it had");
    same(await claimAll(store, OTHER_NODE), [], "what others can claim");
  },

  async "end() makes it absent"({ store }) {
    await keep(store, "a", { principal: "ann" });
    await store.end("a", "logout", NODE);
    absent(await store.load("a", VISIT), "load()");
    same(await store.uidsOf("ann"), [], "uidsOf()");
  },

  async "end() hands an end to one caller only"({ store, subject }) {
    const second = await subject.second?.() ?? store;
    await keep(store, "a");
    const ends = await Promise.all(
      Array.from(
        { length: 20 },
        (_, i) => (i % 2 === 0 ? store : second).end("a", `reason ${i}`, NODE),
      ),
    );
    const told = ends.filter((end) => end !== undefined);
    same(told.length, 1, "how many were handed the end");
    absent(await store.end("a", "logout", NODE), "end() once more");
    await store.acknowledge("a", told[0]!.fence);
    absent(await store.end("a", "logout", NODE), "end() once told");
  },

  async "end() answers undefined for one that there never was"({ store }) {
    absent(await store.end("nobody", "logout", NODE), "end()");
  },

  async "end() leaves one past its deadline to claim()"(context) {
    const { store, subject } = context;
    await keep(store, "a", { sessionTimeout: SHORT });
    await subject.advance(SHORT + 1);
    absent(await store.end("a", "logout", NODE), "end() past the deadline");
    const [end] = await claimDue(context, 1);
    same(end!.reason, "idle", "the reason");
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
    same(ends, [], "what is claimed");
    check(
      nextIn > 0 && nextIn <= LONG,
      `nextIn should be ${LONG} or less, but not 0: ${nextIn}`,
    );
  },

  async "claim() tells why a session ended, and when"(context) {
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
    const ends = byUid(await claimDue(context, 3));
    const reasons = { idle: "idle", absolute: "absolute", tie: "absolute" };
    Object.entries(reasons).forEach(([uid, reason], i) => {
      const end = present(ends.get(uid), `the end of "${uid}"`);
      same(end.reason, reason, `the reason of "${uid}"`);
      same(end.at, made[i]!.deadline, `when "${uid}" ended`);
      same(end.attempt, 1, "the attempt");
    });
  },

  async "claim() hands over the session as it was"(context) {
    const { store } = context;
    const facts = {
      isSecure: true,
      principal: "ann",
      sessionTimeout: SHORT,
      values: new Map([["key", "1"]]),
      callbacks: [callbackOf("free", { argument: "7" })],
    };
    const made = await keep(store, "a", facts);
    const [end] = await claimDue(context, 1);
    const { session } = end!;
    const { createdAt, touchedAt, deadline, version } = session;
    same({ createdAt, touchedAt, deadline, version }, {
      createdAt: made.createdAt,
      touchedAt: made.touchedAt,
      deadline: made.deadline,
      version: made.version,
    }, "the times");
    const { isSecure, principal, sessionTimeout, values, callbacks } = session;
    same(
      { isSecure, principal, sessionTimeout, values, callbacks },
      facts,
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

  async "claim() hands out those that were due first, as many as it may"(
    { store, subject },
  ) {
    const deadlines: number[] = [];
    for (const i of [5, 2, 9, 1, 7, 3, 8, 4, 6]) {
      const facts = { sessionTimeout: SHORT + i * 3 };
      // Where creating takes its time, those made last may be due last.
      deadlines.push((await keep(store, `${i}`, facts)).deadline);
    }
    deadlines.sort((a, b) => a - b);
    await subject.advance(SHORT + 40);
    const first = await store.claim(NODE, 4);
    same(first.ends.map(({ at }) => at), deadlines.slice(0, 4), "4");
    same(first.nextIn, 0, "nextIn while there are more");
    const rest = await store.claim(NODE, 100);
    same(rest.ends.map(({ at }) => at), deadlines.slice(4), "all");
    check(rest.nextIn > 0, "nextIn should not be 0 when all are claimed");
  },

  async "claim() does not claim what has been touched"(context) {
    const { store, subject } = context;
    // Where the machine is stalled, the touch may come too late.
    for (const margin of [MARGIN, 5 * MARGIN, 50 * MARGIN]) {
      const idle = LONG - margin;
      await keep(store, "left", { idle });
      await keep(store, "touched", { idle });
      if (await store.load("touched", VISIT) !== undefined) {
        await subject.advance(margin + 1);
        const uids = (await claimAll(store)).map(({ session }) => session.uid);
        same(uids, ["left"], "what is claimed");
        present(await store.load("touched", LOOK), "load() of the touched one");
        return;
      }
      for (const { session, fence } of await claimDue(context, 2)) {
        await store.acknowledge(session.uid, fence);
      }
    }
    check(false, "load() before the deadline should find the session");
  },

  async "nextIn() leads to the next end, by and by"({ store, subject }) {
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

  async "a lease keeps others away"({ store, subject }) {
    await keep(store, "a", { sessionTimeout: SHORT });
    await subject.advance(SHORT + 1);
    same((await claimAll(store)).length, 1, "what is claimed");
    await subject.advance(SHORT);
    same(await claimAll(store, OTHER_NODE), [], "what another claims");
    same(await claimAll(store), [], "what the same claims again");
    absent(await store.end("a", "logout", OTHER_NODE), "end()");
  },

  async "a lease that runs out lets another claim the end"(context) {
    const { store } = context;
    await keep(store, "a");
    const brief = { owner: "brief", lease: SHORT };
    const first = present(await store.end("a", "logout", brief), "end()");
    const nextIn = await store.nextIn();
    check(nextIn <= SHORT, `nextIn() should be ${SHORT} or less: ${nextIn}`);
    const [second] = await claimDue(context, 1, { ...brief, lease: LONG });
    same(second!.reason, "logout", "the reason");
    same(second!.at, first.at, "when it ended");
    same(second!.attempt, 2, "the attempt");
    check(second!.fence !== first.fence, "The fence should be another");
    // Not sooner, as a slow store might claim twice in one claimDue() else.
    same(await store.renew("a", second!.fence, SHORT), true, "renew()");
    const [third] = await claimDue(context, 1, OTHER_NODE);
    same(third!.attempt, 3, "the attempt");
    check(third!.fence !== second!.fence, "The fence should be another");
    same(await store.acknowledge("a", first.fence), false, "the first");
    same(await store.renew("a", second!.fence, LONG), false, "the second");
    same(await store.acknowledge("a", third!.fence), true, "the third");
  },

  async "a lease that has run out still counts while nobody else claims"(
    { store, subject },
  ) {
    await keep(store, "a");
    const brief = { owner: "brief", lease: SHORT };
    const end = present(await store.end("a", "logout", brief), "end()");
    await subject.advance(SHORT + 1);
    same(await store.renew("a", end.fence, LONG), true, "renew()");
    same(await claimAll(store, OTHER_NODE), [], "what another claims");
    same(await store.acknowledge("a", end.fence), true, "acknowledge()");
  },

  async "renew() has the lease begin anew"({ store, subject }) {
    await keep(store, "a");
    const brief = { owner: "brief", lease: MARGIN };
    const end = present(await store.end("a", "logout", brief), "end()");
    same(await store.renew("a", end.fence, LONG), true, "renew()");
    await subject.advance(MARGIN + 1);
    same(await claimAll(store, OTHER_NODE), [], "what another claims");
  },

  async "renew() may shorten the lease"(context) {
    const { store } = context;
    await keep(store, "a");
    const end = present(await store.end("a", "logout", NODE), "end()");
    same(await store.renew("a", end.fence, SHORT), true, "renew()");
    const [again] = await claimDue(context, 1, OTHER_NODE);
    same(again!.attempt, 2, "the attempt");
  },

  async "acknowledge() forgets the session, once"({ store }) {
    await keep(store, "a");
    const end = present(await store.end("a", "logout", NODE), "end()");
    same(await store.acknowledge("a", end.fence), true, "acknowledge()");
    same(await store.acknowledge("a", end.fence), false, "once more");
    same(await store.renew("a", end.fence, LONG), false, "renew()");
    same(await store.release("a", end.fence, 0), false, "release()");
    same(await store.putAside("a", end.fence, "why"), false, "putAside()");
    same(await store.nextIn(), Infinity, "nextIn()");
  },

  async "release() leaves the end to whoever claims next, after the delay"(
    context,
  ) {
    const { store } = context;
    await keep(store, "a");
    await keep(store, "b");
    const a = present(await store.end("a", "logout", NODE), "end()");
    const b = present(await store.end("b", "logout", NODE), "end()");
    same(await store.release("a", a.fence, 0), true, "release() at once");
    same(await store.release("b", b.fence, LONG), true, "release() for later");
    const ends = await claimAll(store, OTHER_NODE);
    same(ends.map(({ session }) => session.uid), ["a"], "what is claimed");
    same(ends[0]!.attempt, 2, "the attempt");
    same(ends[0]!.reason, "logout", "the reason");
    same(ends[0]!.at, a.at, "when it ended");
    same(await store.acknowledge("b", b.fence), false, "what was released");
    await keep(store, "c");
    const c = present(await store.end("c", "logout", NODE), "end()");
    same(
      await store.release("c", c.fence, SHORT),
      true,
      "release() for a while",
    );
    same((await claimDue(context, 1))[0]!.session.uid, "c", "what is claimed");
  },

  async "putAside() has an end never claimed again"({ store, subject }) {
    await keep(store, "a", { principal: "ann" });
    const brief = { owner: "brief", lease: SHORT };
    const end = present(await store.end("a", "logout", brief), "end()");
    same(await store.putAside("a", end.fence, "too often"), true, "putAside()");
    await subject.advance(SHORT + 1);
    same(await claimAll(store, OTHER_NODE), [], "what is claimed");
    same(await store.nextIn(), Infinity, "nextIn()");
    same(await store.uidsOf("ann"), [], "uidsOf()");
    absent(await store.load("a", VISIT), "load()");
    same(await store.acknowledge("a", end.fence), false, "acknowledge()");
    same(await store.release("a", end.fence, 0), false, "release()");
  },

  async "a fence that is not the claim's is refused"({ store }) {
    await keep(store, "a");
    await keep(store, "alive");
    const end = present(await store.end("a", "logout", NODE), "end()");
    for (const fence of ["", "other", `${end.fence}x`, NODE.owner]) {
      same(await store.renew("a", fence, LONG), false, "renew()");
      same(await store.release("a", fence, 0), false, "release()");
      same(await store.putAside("a", fence, "why"), false, "putAside()");
      same(await store.acknowledge("a", fence), false, "acknowledge()");
      same(await store.acknowledge("alive", fence), false, "of one that lives");
      same(await store.acknowledge("nobody", fence), false, "of nobody");
    }
    same(await store.acknowledge("a", end.fence), true, "the right one");
    present(await store.load("alive", LOOK), "load() of the one that lives");
  },
};

function byUid(ends: readonly ClaimedEnd[]): Map<string, ClaimedEnd> {
  return new Map(ends.map((end) => [end.session.uid, end]));
}
