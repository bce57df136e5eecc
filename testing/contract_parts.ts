/**
 * The tests of the parts of a store. A store without parts is one part itself.
 *
 * @module
 */

import {
  claimAll,
  type ContractTests,
  keep,
  NODE,
  OTHER_NODE,
  present,
  same,
  until,
} from "./contract_checks.ts";

/** So many sessions that each part has some. */
const SESSIONS = 40;

/** Tests of parts and partOf(). */
export const PART_TESTS: ContractTests = {
  async "each part answers for the sessions of partOf(), and for no others"(
    context,
  ) {
    const { store } = context;
    const parts = store.parts ?? [store];
    const uids = Array.from({ length: SESSIONS }, (_, i) => `session ${i}`);
    const ownOf = (part: unknown) =>
      new Set(uids.filter((uid) => (store.partOf?.(uid) ?? store) === part));
    const heard = parts.map(() => new Set<string>());
    const stops = await Promise.all(
      parts.map((part, i) => part.watch(({ uid }) => heard[i]!.add(uid))),
    );
    for (const uid of uids) await keep(store, uid, { principal: "ann" });
    for (const part of parts) {
      same(new Set(await part.uidsOf("ann")), ownOf(part), "uidsOf()");
    }
    for (const uid of uids) {
      const { fence } = present(await store.end(uid, "logout", NODE), "end()");
      await store.release(uid, fence, 0);
    }
    for (const part of parts) {
      same(
        await part.nextIn(),
        ownOf(part).size > 0 ? 0 : Infinity,
        "nextIn()",
      );
      const ends = await claimAll(part, OTHER_NODE);
      const claimed = ends.map(({ session }) => session.uid);
      same(new Set(claimed), ownOf(part), "the ends of the part");
      same(claimed.length, ownOf(part).size, "how many ends");
    }
    await until(
      context,
      () => heard.every((own, i) => own.size === ownOf(parts[i]).size),
      "watch() of each part should hear of its ends",
    );
    same(heard, parts.map(ownOf), "the news of the parts");
    for (const stop of stops) stop();
  },
};
