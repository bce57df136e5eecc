/**
 * The tests of a store in a crowd, of its news and of its memory.
 *
 * @module
 */

import type { Claimant, ClaimedEnd, EndNews } from "../stores/store.ts";
import {
  absent,
  callbackOf,
  check,
  claimAll,
  claimDue,
  type ContractContext,
  type ContractTests,
  keep,
  LONG,
  look,
  NODE,
  OTHER_NODE,
  present,
  same,
  SHORT,
  until,
  VISIT,
} from "./contract_checks.ts";

/** Calls that are under way together; more would only wait in the client. */
const TOGETHER = 100;

/** Tests with many sessions and several claimants. */
export const CROWD_TESTS: ContractTests = {
  async "claimants share a crowd that ends at once, without doubles"(context) {
    const { store, subject, crowd } = context;
    const second = await subject.second?.() ?? store;
    await inParallel(
      crowd,
      (i) =>
        keep(store, `${i}`, {
          sessionTimeout: 5 * SHORT,
          principal: `${i % 9}`,
        }),
    );
    await subject.advance(5 * SHORT + 1);
    const told = new Map<string, number>();
    const work = async (handle: typeof store, claimant: Claimant) => {
      for (;;) {
        const { ends } = await handle.claim(claimant, TOGETHER);
        if (ends.length === 0) return;
        for (const { session, fence } of ends) {
          told.set(session.uid, (told.get(session.uid) ?? 0) + 1);
          const isTold = await handle.acknowledge(session.uid, fence);
          same(isTold, true, `acknowledge() of "${session.uid}"`);
        }
      }
    };
    await Promise.all([
      work(store, NODE),
      work(second, OTHER_NODE),
      work(store, { owner: "node-c", lease: LONG }),
    ]);
    same(told.size, crowd, "how many were told");
    const doubles = [...told.values()].filter((times) => times > 1);
    same(doubles.length, 0, "how many were told more than once");
    same(await store.nextIn(), Infinity, "nextIn()");
    for (let i = 0; i < 9; i++) {
      same(await store.uidsOf(`${i}`), [], "uidsOf()");
    }
  },

  async "a slow writer never revives a logout"({ store, subject, races }) {
    const second = await subject.second?.() ?? store;
    let revived = 0;
    await inParallel(races, async (i) => {
      const uid = `${i}`;
      await keep(store, uid, { principal: "ann" });
      const changes = {
        values: new Map([["late", "1"]]),
        sessionTimeout: LONG,
        principal: "eve",
        idle: 0,
      };
      const commit = () => second.commit(uid, changes);
      const before = i % 2 === 0 ? commit() : undefined;
      const end = store.end(uid, "logout", NODE);
      const after = i % 2 === 1 ? commit() : undefined;
      const { fence } = present(await end, `end() of "${uid}"`);
      const visit = second.load(uid, VISIT);
      const late = commit();
      await Promise.all([before, after]);
      const answers = [await visit, await late];
      if (i % 3 === 0) await store.acknowledge(uid, fence);
      answers.push(await store.load(uid, VISIT), await commit());
      if (i % 3 !== 0) await store.acknowledge(uid, fence);
      answers.push(await store.load(uid, VISIT), await commit());
      if (answers.some((answer) => answer !== undefined)) revived++;
    });
    same(revived, 0, `how many of ${races} were revived`);
    same(await store.uidsOf("ann"), [], "uidsOf() who was logged out");
    same(await store.uidsOf("eve"), [], "uidsOf() the slow writer");
  },
};

/** Tests of watch(). */
export const WATCH_TESTS: ContractTests = {
  async "watch() hears of an end of one's own"(context) {
    await hearsOf(context, context.store);
  },

  async "watch() hears of an end of another node"(context) {
    await hearsOf(context, await context.subject.second?.() ?? context.store);
  },

  async "watch() hears of a deadline when it is claimed"(context) {
    const { store, subject } = context;
    const second = await subject.second?.() ?? store;
    const news: EndNews[] = [];
    const stop = await store.watch((end) => news.push(end));
    const made = await keep(store, "a", { sessionTimeout: SHORT });
    await subject.advance(SHORT + 1);
    await claimAll(second);
    await until(context, () => news.length > 0, "watch() should hear of it");
    same(news[0], { uid: "a", reason: "idle", at: made.deadline }, "the news");
    stop();
  },

  async "watch() hears that something is due sooner"(context) {
    const { store, subject } = context;
    const second = await subject.second?.() ?? store;
    await keep(store, "later");
    let hints = 0;
    const stop = await store.watch(() => {}, () => hints++);
    await keep(second, "sooner", { sessionTimeout: LONG / 100 });
    await until(context, () => hints > 0, "watch() should hear of it");
    stop();
  },

  async "watch() can be stopped, twice too"(context) {
    const { store, subject } = context;
    const news: string[] = [];
    const stop = await store.watch(({ uid }) => news.push(`stopped ${uid}`));
    const stopOther = await store.watch(({ uid }) => news.push(`other ${uid}`));
    stop();
    stop();
    await keep(store, "a");
    await store.end("a", "logout", NODE);
    await until(context, () => news.length > 0, "watch() should hear of it");
    await subject.advance(SHORT);
    same(new Set(news), new Set(["other a"]), "the news");
    stopOther();
  },
};

/** Tests of a store that outlives its process. */
export const DURABLE_TESTS: ContractTests = {
  async "what is kept outlives the store"(context) {
    const { store, subject } = context;
    const facts = {
      oldSecrets: [{ hash: "aa".repeat(32), until: 1 }],
      isSecure: true,
      principal: "ann",
      values: new Map([["key", "\0\ud800"]]),
      callbacks: [callbackOf("free", { argument: "7" })],
    };
    await keep(store, "alive", facts);
    await store.commit("alive", { values: new Map([["other", "2"]]) });
    const before = await look(store, "alive");
    for (const uid of ["held", "left", "aside", "told"]) {
      await keep(store, uid, { principal: "bob" });
    }
    await keep(store, "due", { sessionTimeout: SHORT });
    const ends = new Map<string, ClaimedEnd>();
    for (const uid of ["held", "left", "aside", "told"]) {
      const end = await store.end(uid, `why ${uid}`, NODE);
      ends.set(uid, present(end, "end()"));
    }
    await store.release("left", ends.get("left")!.fence, 0);
    await store.putAside("aside", ends.get("aside")!.fence, "too often");
    await store.acknowledge("told", ends.get("told")!.fence);

    const reopened = await subject.reopen!();
    const after = await look(reopened, "alive");
    same({ ...after, now: 0 }, { ...before, now: 0 }, "the session");
    same(await reopened.uidsOf("ann"), ["alive"], "uidsOf()");
    same(await reopened.uidsOf("bob"), [], "uidsOf() of those that ended");
    for (const uid of ["held", "left", "aside", "told"]) {
      absent(await reopened.load(uid, VISIT), `load() of "${uid}"`);
    }
    const later: ContractContext = { ...context, store: reopened };
    const claimed = await claimDue(later, 2, OTHER_NODE);
    const reasons = new Map(
      claimed.map(({ session, reason }) => [session.uid, reason]),
    );
    same(
      reasons,
      new Map([["left", "why left"], ["due", "idle"]]),
      "the ends that can be claimed",
    );
    const { fence } = ends.get("held")!;
    same(await reopened.renew("held", fence, LONG), true, "a claim's fence");
  },
};

async function hearsOf(
  context: ContractContext,
  other: ContractContext["store"],
): Promise<void> {
  const { store } = context;
  const news: EndNews[] = [];
  const stop = await store.watch((end) => news.push(end));
  await keep(store, "a");
  const end = present(await other.end("a", "logout", NODE), "end()");
  await until(context, () => news.length > 0, "watch() should hear of it");
  const { reason, at } = end;
  same(news[0], { uid: "a", reason, at }, "the news");
  stop();
}

/** Calls a function with 0, 1, 2 ..., many calls being under way together. */
async function inParallel(
  count: number,
  call: (index: number) => Promise<unknown>,
): Promise<void> {
  check(Number.isInteger(count), `A count should be a whole number: ${count}`);
  let next = 0;
  await Promise.all(Array.from({ length: TOGETHER }, async () => {
    while (next < count) await call(next++);
  }));
}
