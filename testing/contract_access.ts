/**
 * The tests of the access state in `commit()`: principal, tokens, generations and
 * the time of the login.
 *
 * @module
 */

import {
  absent,
  accessOf,
  callbackOf,
  claimDue,
  commit,
  type ContractTests,
  end,
  HASH,
  keep,
  LATER_HASH,
  LONG,
  look,
  same,
  SHORT,
  tokenOf,
} from "./contract_checks.ts";

/** A token of generation 1, beside the one of generation 0. */
const RENEWED = [
  { hash: HASH, generation: 0 },
  { hash: LATER_HASH, generation: 1 },
];

/** Tests of access in commit(). */
export const ACCESS_TESTS: ContractTests = {
  async "commit() of access replaces the access state, and nothing else"(
    { store },
  ) {
    const facts = {
      values: new Map([["key", "1"]]),
      callbacks: [callbackOf("free")],
    };
    const made = await keep(store, "a", { ...facts, idle: 2000 });
    const before = await look(store, "a");
    const access = accessOf({
      principal: "ann",
      generation: 1,
      loginGeneration: 1,
      isRenewalDue: true,
      isRemembered: true,
      loginAge: 1000,
      tokens: [{ hash: LATER_HASH, generation: 1 }],
    });
    const times = await commit(store, "a", { access });
    same(times.version, made.version + 1, "the version");
    same(times.touchedAt, made.touchedAt, "touchedAt");
    const { now } = before;
    same({ ...await look(store, "a"), now }, {
      ...before,
      version: times.version,
      principal: "ann",
      generation: 1,
      loginGeneration: 1,
      isRenewalDue: true,
      isRemembered: true,
      authenticatedAt: times.now - 1000,
      tokens: [tokenOf(LATER_HASH, 1)],
    }, "the session");
  },

  async "commit() without access keeps the access state"({ store }) {
    const tokens = [tokenOf(HASH, 0), tokenOf(LATER_HASH, 2)];
    await keep(store, "a", {
      principal: "ann",
      tokens,
      generation: 1,
      loginGeneration: 1,
      isRenewalDue: true,
      isRemembered: true,
      loginAge: 1000,
    });
    const before = await look(store, "a");
    const { version } = await commit(store, "a", { sessionTimeout: LONG });
    const { now } = before;
    const after = { ...await look(store, "a"), now };
    same(after, { ...before, version }, "the session");
  },

  async "commit() of access lets tokens of lower generations count for the grace"(
    { store },
  ) {
    await keep(store, "a");
    const access = accessOf({ generation: 1, tokens: RENEWED, grace: 5000 });
    const { now } = await commit(store, "a", { access });
    same((await look(store, "a")).tokens, [
      { hash: HASH, generation: 0, until: now + 5000 },
      tokenOf(LATER_HASH, 1),
    ], "the tokens");
  },

  async "commit() of access that is repeated prolongs no token"(
    { store, subject },
  ) {
    await keep(store, "a");
    const access = accessOf({ generation: 1, tokens: RENEWED });
    await commit(store, "a", { access });
    const { tokens } = await look(store, "a");
    await subject.advance(5);
    const again = { ...access, grace: 2 * LONG };
    await commit(store, "a", { access: again });
    same((await look(store, "a")).tokens, tokens, "the tokens, repeated");
    const renewed = {
      ...again,
      generation: 2,
      tokens: [...RENEWED, { hash: "dd".repeat(32), generation: 2 }],
    };
    const { now } = await commit(store, "a", { access: renewed });
    same((await look(store, "a")).tokens, [
      tokens[0],
      { hash: LATER_HASH, generation: 1, until: now + 2 * LONG },
      tokenOf("dd".repeat(32), 2),
    ], "the tokens of a later generation");
  },

  async "commit() of access forgets tokens that it leaves out"({ store }) {
    await keep(store, "a");
    const tokens = [{ hash: LATER_HASH, generation: 0 }];
    await commit(store, "a", { access: accessOf({ tokens }) });
    same(
      (await look(store, "a")).tokens,
      [tokenOf(LATER_HASH, 0)],
      "the tokens",
    );
    await commit(store, "a", { access: accessOf({ tokens: [] }) });
    same((await look(store, "a")).tokens, [], "no tokens");
  },

  async "commit() of access sets, changes and clears the principal"({ store }) {
    await keep(store, "a");
    const assign = (principal: string | null) =>
      commit(store, "a", { access: accessOf({ principal }) });
    await assign("ann");
    same((await look(store, "a")).principal, "ann", "the principal, set");
    same(await store.uidsOf("ann"), ["a"], "uidsOf()");
    await assign("bob");
    same((await look(store, "a")).principal, "bob", "the principal, changed");
    same(await store.uidsOf("ann"), [], "uidsOf() of the former principal");
    same(await store.uidsOf("bob"), ["a"], "uidsOf() of the new principal");
    await assign("bob");
    same(await store.uidsOf("bob"), ["a"], "uidsOf() of the same, again");
    await assign(null);
    absent((await look(store, "a")).principal, "the principal, cleared");
    same(await store.uidsOf("bob"), [], "uidsOf()");
    await assign("");
    same((await look(store, "a")).principal, "", "the empty principal");
    same(await store.uidsOf(""), ["a"], "uidsOf() of the empty principal");
  },

  async "commit() of access sets and clears whether the browser keeps the cookie"(
    { store },
  ) {
    await keep(store, "a");
    const remember = async (isRemembered: boolean) => {
      // The other flag is the opposite.
      const isRenewalDue = !isRemembered;
      const access = accessOf({ isRemembered, isRenewalDue });
      await commit(store, "a", { access });
      const session = await look(store, "a");
      same(session.isRemembered, isRemembered, "isRemembered");
      same(session.isRenewalDue, isRenewalDue, "isRenewalDue");
    };
    same((await look(store, "a")).isRemembered, false, "by create()");
    for (const flag of [true, true, false, false, true]) await remember(flag);
  },

  async "commit() of access with a login sets its time"({ store, subject }) {
    for (const formerAge of [undefined, 9000]) {
      const uid = `${formerAge}`;
      await keep(store, uid, { loginAge: formerAge });
      for (const loginAge of [2000, 0]) {
        await subject.advance(5);
        const access = accessOf({ loginAge });
        const { now } = await commit(store, uid, { access });
        const { authenticatedAt } = await look(store, uid);
        same(authenticatedAt, now - loginAge, "authenticatedAt");
      }
    }
  },

  async "commit() of access without a login keeps the time of the last"(
    { store, subject },
  ) {
    await keep(store, "never");
    const { now } = await keep(store, "once", { loginAge: 9000 });
    for (
      const access of [
        accessOf(),
        accessOf({ principal: "ann", loginAge: undefined }),
        accessOf({ generation: 1, loginGeneration: 1, tokens: RENEWED }),
      ]
    ) {
      await subject.advance(5);
      for (const uid of ["never", "once"]) {
        await commit(store, uid, { access });
      }
      absent((await look(store, "never")).authenticatedAt, "without any login");
      const { authenticatedAt } = await look(store, "once");
      same(authenticatedAt, now - 9000, "authenticatedAt");
    }
  },

  async "absoluteTimeout counts from the login, if there was one"({ store }) {
    const absoluteTimeout = LONG / 2;
    const facts = { age: 9000, absoluteTimeout };
    const made = await keep(store, "a", { ...facts, loginAge: 5000 });
    same(made.deadline, made.now - 5000 + absoluteTimeout, "by create()");
    const access = accessOf({ loginAge: 1000 });
    const { now, deadline } = await commit(store, "a", { access });
    same(deadline, now - 1000 + absoluteTimeout, "by a login");
    const loaded = await look(store, "a");
    same(loaded.deadline, deadline, "the deadline as stored");
    const longer = await commit(store, "a", { absoluteTimeout: LONG - 1 });
    same(longer.deadline, now - 1000 + LONG - 1, "by another timeout");
    const without = await commit(store, "a", { access: accessOf() });
    same(without.deadline, longer.deadline, "by a change without a login");
    await keep(store, "b", facts);
    const never = await commit(store, "b", { access: accessOf() });
    same(never.deadline, never.createdAt + absoluteTimeout, "without a login");
  },

  async "claim() answers an absolute end that counts from the login"(context) {
    const { store } = context;
    const facts = { age: LONG, absoluteTimeout: LONG + SHORT, idle: 1000 };
    await keep(store, "created", facts);
    await keep(store, "idle", {
      ...facts,
      loginAge: 0,
      sessionTimeout: 1000 + SHORT,
    });
    await keep(store, "login", {
      ...facts,
      loginAge: LONG,
      age: 2 * LONG,
      sessionTimeout: 2 * LONG,
    });
    const ends = await claimDue(context, 3);
    const reasons = ends.map(({ session, reason }) =>
      [session.uid, reason] as const
    );
    same(
      new Map(reasons),
      new Map([["created", "absolute"], ["idle", "idle"], [
        "login",
        "absolute",
      ]]),
      "the reasons",
    );
  },

  async "end() answers the access state"({ store }) {
    const facts = {
      tokens: [tokenOf(HASH, 1), tokenOf(LATER_HASH, 2)],
      generation: 1,
      loginGeneration: 1,
      isRenewalDue: true,
      isRemembered: true,
      principal: "ann",
    };
    const { now } = await keep(store, "a", { ...facts, loginAge: 1000 });
    const { session } = await end(store, "a");
    const { tokens, generation, loginGeneration } = session;
    const { isRenewalDue, isRemembered } = session;
    const { principal, authenticatedAt } = session;
    same(
      {
        tokens,
        generation,
        loginGeneration,
        isRenewalDue,
        isRemembered,
        principal,
      },
      facts,
      "the access state",
    );
    same(authenticatedAt, now - 1000, "authenticatedAt");
  },
};
