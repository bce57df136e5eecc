/**
 * The tests of a store with many sessions and several nodes.
 *
 * @module
 */

import type { Claimant } from "../stores/store.ts";
import {
  accessOf,
  check,
  type ContractTests,
  end,
  keep,
  LONG,
  NODE,
  OTHER_NODE,
  same,
  SHORT,
  VISIT,
} from "./contract_checks.ts";

/** Calls that run at once; more would only wait in the client. */
const AT_ONCE = 100;

/** Tests with many sessions and several claimants. */
export const CROWD_TESTS: ContractTests = {
  async "claim() shares a crowd of ends among nodes, each end once"(context) {
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
    const claims = new Map<string, number>();
    const work = async (handle: typeof store, claimant: Claimant) => {
      for (;;) {
        const { ends } = await handle.claim(claimant, AT_ONCE);
        if (ends.length === 0) return;
        for (const { session, fence } of ends) {
          claims.set(session.uid, (claims.get(session.uid) ?? 0) + 1);
          const isClaimed = await handle.acknowledge(session.uid, fence);
          same(isClaimed, true, `acknowledge() of "${session.uid}"`);
        }
      }
    };
    await Promise.all([
      work(store, NODE),
      work(second, OTHER_NODE),
      work(store, { owner: "node-c", lease: LONG }),
    ]);
    same(claims.size, crowd, "the number of ends");
    const doubles = [...claims.values()].filter((times) => times > 1);
    same(doubles.length, 0, "the number of ends that were claimed twice");
    same(await store.nextIn(), Infinity, "nextIn()");
    for (let i = 0; i < 9; i++) {
      same(await store.uidsOf(`${i}`), [], "uidsOf()");
    }
  },

  async "commit() by a slow writer never revives a logout"(
    { store, subject, races },
  ) {
    const second = await subject.second?.() ?? store;
    let revived = 0;
    await inParallel(races, async (i) => {
      const uid = `${i}`;
      await keep(store, uid, { principal: "ann" });
      const changes = {
        access: accessOf({ principal: "eve", loginAge: 0 }),
        values: new Map([["late", "1"]]),
        sessionTimeout: LONG,
        idle: 0,
      };
      const commit = () => second.commit(uid, changes);
      const before = i % 2 === 0 ? commit() : undefined;
      const ended = end(store, uid);
      const after = i % 2 === 1 ? commit() : undefined;
      const { fence } = await ended;
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
    same(revived, 0, `the number of ${races} that were revived`);
    same(await store.uidsOf("ann"), [], "uidsOf() of the user who logged out");
    same(await store.uidsOf("eve"), [], "uidsOf() of the slow writer");
  },
};

/** Calls a function with 0, 1, 2 ..., many calls at once. */
async function inParallel(
  count: number,
  call: (index: number) => Promise<unknown>,
): Promise<void> {
  check(Number.isInteger(count), `A count should be a whole number: ${count}`);
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < count) await call(next++);
  }));
}
