/**
 * The tests of a store that outlives its process.
 *
 * @module
 */

import type { ClaimedEnd } from "../stores/store.ts";
import {
  absent,
  callbackOf,
  claimDue,
  type ContractContext,
  type ContractTests,
  end,
  HASH,
  keep,
  LATER_HASH,
  LONG,
  look,
  OTHER_NODE,
  same,
  SHORT,
  tokenOf,
  VISIT,
  visit,
} from "./contract_checks.ts";

/** Tests of a store that is opened again. */
export const DURABLE_TESTS: ContractTests = {
  async "sessions and ends outlive the store"(context) {
    const { store, subject } = context;
    const facts = {
      tokens: [tokenOf("aa".repeat(32), 0), tokenOf(HASH, 1)],
      loginGeneration: 1,
      isRenewalDue: true,
      isRemembered: true,
      isSecure: true,
      principal: "ann",
      values: new Map([["key", "\0\ud800"]]),
      callbacks: [callbackOf("free", { argument: "7" })],
    };
    await keep(store, "alive", { ...facts, loginAge: 1000 });
    await visit(store, "alive");
    await store.commit("alive", { values: new Map([["other", "2"]]) });
    const before = await look(store, "alive");
    const renewed = { tokens: [tokenOf(HASH, 0), tokenOf(LATER_HASH, 1)] };
    await keep(store, "renewed", renewed);
    for (const uid of ["held", "left", "dead", "acknowledged"]) {
      await keep(store, uid, { principal: "bob" });
    }
    await keep(store, "due", { sessionTimeout: SHORT });
    const ends = new Map<string, ClaimedEnd>();
    for (const uid of ["held", "left", "dead", "acknowledged"]) {
      ends.set(uid, await end(store, uid, `why ${uid}`));
    }
    await store.release("left", ends.get("left")!.fence, 0);
    await store.deadLetter("dead", ends.get("dead")!.fence, "too often");
    await store.acknowledge("acknowledged", ends.get("acknowledged")!.fence);

    const reopened = await subject.reopen!();
    const after = await look(reopened, "alive");
    same({ ...after, now: 0 }, { ...before, now: 0 }, "the session");
    const later = { ...VISIT, tokenHash: LATER_HASH };
    const loaded = await reopened.load("renewed", later);
    same(loaded?.generation, 1, "the generation of a token that arrives");
    same(await reopened.uidsOf("ann"), ["alive"], "uidsOf()");
    same(await reopened.uidsOf("bob"), [], "uidsOf() of sessions that ended");
    for (const uid of ["held", "left", "dead", "acknowledged"]) {
      absent(await reopened.load(uid, VISIT), `load() of "${uid}"`);
    }
    const anew: ContractContext = { ...context, store: reopened };
    const claimed = await claimDue(anew, 2, OTHER_NODE);
    const reasons = claimed.map(({ session, reason }) =>
      [session.uid, reason] as const
    );
    same(
      new Map(reasons),
      new Map([["left", "why left"], ["due", "idle"]]),
      "the ends that can be claimed",
    );
    const { fence } = ends.get("held")!;
    same(await reopened.renew("held", fence, LONG), true, "a claim's fence");
  },
};
