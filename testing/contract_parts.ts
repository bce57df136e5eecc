/**
 * The tests of the parts of a store. A store without parts is one part itself.
 *
 * @module
 */

import {
  claimAll,
  type ContractTests,
  end,
  keep,
  OTHER_NODE,
  same,
  until,
} from "./contract_checks.ts";

/** The number of sessions: enough for each part to have some. */
const SESSIONS = 40;

/** Tests of parts and partOf(). */
export const PART_TESTS: ContractTests = {
  async "parts answer for the sessions of partOf(), and for no others"(
    context,
  ) {
    const { store } = context;
    const parts = store.parts ?? [store];
    const uids = Array.from({ length: SESSIONS }, (_, i) => `session ${i}`);
    const ownOf = (part: unknown) =>
      new Set(uids.filter((uid) => (store.partOf?.(uid) ?? store) === part));
    const notified = parts.map(() => new Set<string>());
    const stops = await Promise.all(
      parts.map((part, i) => part.watch(({ uid }) => notified[i]!.add(uid))),
    );
    for (const uid of uids) await keep(store, uid, { principal: "ann" });
    for (const part of parts) {
      same(new Set(await part.uidsOf("ann")), ownOf(part), "uidsOf()");
    }
    for (const uid of uids) {
      const { fence } = await end(store, uid);
      await store.release(uid, fence, 0);
    }
    for (const part of parts) {
      const nextIn = ownOf(part).size > 0 ? 0 : Infinity;
      same(await part.nextIn(), nextIn, "nextIn()");
      const ends = await claimAll(part, OTHER_NODE);
      const claimed = ends.map(({ session }) => session.uid);
      same(new Set(claimed), ownOf(part), "the ends of the part");
      same(claimed.length, ownOf(part).size, "the number of ends");
    }
    await until(
      context,
      () => notified.every((own, i) => own.size === ownOf(parts[i]).size),
      "watch() of each part should notify of its ends",
    );
    same(notified, parts.map(ownOf), "the notifications of the parts");
    for (const stop of stops) stop();
  },
};
