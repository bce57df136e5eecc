/**
 * The helpers of the tests of the store contract.
 *
 * @module
 */

import type {
  AccessChange,
  Claimant,
  ClaimedEnd,
  CommitConditions,
  CommitTimes,
  LoadedSession,
  MaybePromise,
  NewSession,
  SessionChanges,
  SessionStore,
  SessionTimes,
  StoredCallback,
  StoredToken,
} from "../stores/store.ts";

/** A store of its own for one test, empty at first. */
export interface StoreUnderTest extends AsyncDisposable {
  /** The store. */
  readonly store: SessionStore;
  /**
   * Moves a fake clock, or waits, until the store's clock shows at least `ms`
   * milliseconds more.
   */
  advance(milliseconds: number): MaybePromise<void>;
  /** Opens the store of another node, over the same records. */
  second?(): MaybePromise<SessionStore>;
  /**
   * Closes the store, and opens it again as after a restart; only for a store
   * that outlives its process. The former `store` is not used any more.
   */
  reopen?(): MaybePromise<SessionStore>;
  /**
   * Locks the record of a session, as a slow transaction of another node does;
   * only for a store whose calls wait for such a lock.
   *
   * @returns a function that releases the lock.
   */
  lock?(uid: string): MaybePromise<() => MaybePromise<void>>;
}

/** The arguments of a test of the contract. */
export interface ContractContext {
  /** The store and its clock. */
  readonly subject: StoreUnderTest;
  /** The store. */
  readonly store: SessionStore;
  /** The number of sessions in the tests of crowds. */
  readonly crowd: number;
  /** The number of logouts that race against slow writers. */
  readonly races: number;
}

/** Tests, each under the fact that it checks. */
export type ContractTests = Readonly<
  Record<string, (context: ContractContext) => Promise<void>>
>;

/** Milliseconds that never pass in a test. */
export const LONG = 3_600_000;

/** Milliseconds that a test waits. */
export const SHORT = 40;

/**
 * The most quarters of that time that a test waits for an event: usually one or
 * two, a hundred on a busy machine.
 */
const ROUNDS = 2000;

/** The hash of the token that sessions of the tests have. */
export const HASH: string = "5a".repeat(32);

/** The hash of a later token. */
export const LATER_HASH: string = "cc".repeat(32);

/** Loads a session as a request does. */
export const VISIT = { tokenHash: HASH, touch: true, grace: LONG } as const;

/** Loads a session without a change. */
export const LOOK = { tokenHash: "", touch: false, grace: 0 } as const;

/** A node, with a lease that does not run out. */
export const NODE: Claimant = { owner: "node-a", lease: LONG };

/** Another node. */
export const OTHER_NODE: Claimant = { owner: "node-b", lease: LONG };

/** Returns a token that does not expire. */
export function tokenOf(hash: string, generation: number): StoredToken {
  return { hash, generation, until: Infinity };
}

/** Returns a session to store; by default its sessionTimeout is an hour. */
export function sessionOf(
  uid: string,
  facts: Partial<NewSession> = {},
): NewSession {
  return {
    uid,
    tokens: [tokenOf(HASH, 0)],
    generation: 0,
    loginGeneration: 0,
    isRenewalDue: false,
    isRemembered: false,
    isSecure: false,
    principal: undefined,
    sessionTimeout: LONG,
    absoluteTimeout: Infinity,
    values: new Map(),
    callbacks: [],
    age: 0,
    idle: 0,
    loginAge: undefined,
    ...facts,
  };
}

/** Returns a change to the access state that `sessionOf()` has. */
export function accessOf(facts: Partial<AccessChange> = {}): AccessChange {
  return {
    principal: null,
    generation: 0,
    loginGeneration: 0,
    isRenewalDue: false,
    isRemembered: false,
    tokens: [{ hash: HASH, generation: 0 }],
    grace: LONG,
    ...facts,
  };
}

/** Returns a callback by name; its id is its name by default. */
export function callbackOf(
  name: string,
  facts: Partial<StoredCallback> = {},
): StoredCallback {
  return { id: name, name, argument: "{}", ...facts };
}

/** Stores a session, which must be new. */
export async function keep(
  store: SessionStore,
  uid: string,
  facts: Partial<NewSession> = {},
): Promise<SessionTimes> {
  const times = await store.create(sessionOf(uid, facts));
  return present(times, `create() of the new session "${uid}"`);
}

/** Loads a session that must exist, without a change. */
export async function look(
  store: SessionStore,
  uid: string,
): Promise<LoadedSession> {
  return present(await store.load(uid, LOOK), `load() of "${uid}"`);
}

/** Loads a session that must exist, as a request with its token does. */
export async function visit(
  store: SessionStore,
  uid: string,
): Promise<LoadedSession> {
  return present(await store.load(uid, VISIT), `load() of "${uid}"`);
}

/** Commits to a session that must exist. */
export async function commit(
  store: SessionStore,
  uid: string,
  changes: SessionChanges,
  conditions?: CommitConditions,
): Promise<CommitTimes> {
  const times = await store.commit(uid, changes, conditions);
  return present(times, `commit() to "${uid}"`);
}

/** Ends a session that must exist. */
export async function end(
  store: SessionStore,
  uid: string,
  reason: string = "logout",
  claimant: Claimant = NODE,
): Promise<ClaimedEnd> {
  return present(await store.end(uid, reason, claimant), `end() of "${uid}"`);
}

/** Claims all ends that can be claimed now. */
export async function claimAll(
  store: Pick<SessionStore, "claim">,
  claimant: Claimant = NODE,
): Promise<ClaimedEnd[]> {
  const all: ClaimedEnd[] = [];
  const uids = new Set<string>();
  for (;;) {
    const { ends } = await store.claim(claimant, 100);
    if (ends.length === 0) return all;
    for (const end of ends) {
      const { uid } = end.session;
      check(
        !uids.has(uid) || claimant.lease < LONG,
        `claim() answered the end of "${uid}" twice, though its lease holds`,
      );
      uids.add(uid);
      all.push(end);
    }
  }
}

/** Lets time pass, and claims until it has a number of ends. */
export async function claimDue(
  { subject, store }: ContractContext,
  count: number,
  claimant: Claimant = NODE,
): Promise<ClaimedEnd[]> {
  const all: ClaimedEnd[] = [];
  for (let rounds = 0; all.length < count; rounds++) {
    check(
      rounds < ROUNDS,
      `claim() did not answer ${count} ends in time, but ${all.length}`,
    );
    await subject.advance(SHORT / 4);
    all.push(...await claimAll(store, claimant));
  }
  return all;
}

/** Lets time pass until a condition is true. */
export async function until(
  { subject }: ContractContext,
  isTrue: () => boolean,
  expected: string,
): Promise<void> {
  for (let rounds = 0; !isTrue(); rounds++) {
    check(
      rounds < ROUNDS,
      `${expected}, but not within ${ROUNDS * SHORT / 4} ms`,
    );
    await subject.advance(SHORT / 4);
  }
}

/** Fails with the expectation unless it is met. */
export function check(isMet: boolean, expected: string): asserts isMet {
  if (!isMet) throw new StoreContractError(expected);
}

/** Fails unless both are equal, their members compared. */
export function same(actual: unknown, expected: unknown, what: string): void {
  if (show(actual) === show(expected)) return;
  throw new StoreContractError(
    `${what}: expected ${shorten(expected)}, got ${shorten(actual)}`,
  );
}

/** Fails if a value is undefined. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) {
    throw new StoreContractError(`${what}: expected an answer, got undefined`);
  }
  return value;
}

/** Fails unless a value is undefined. */
export function absent(value: unknown, what: string): void {
  same(value, undefined, what);
}

/** Thrown if a store breaks the contract. */
export class StoreContractError extends Error {
  /** The name of the class. */
  override readonly name = "StoreContractError";
}

function shorten(value: unknown): string {
  const text = show(value);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

/** Returns the same text for equal values, in any order of their keys. */
function show(value: unknown): string {
  if (value instanceof Map) {
    return `Map ${show([...value].sort(([a], [b]) => a < b ? -1 : 1))}`;
  }
  if (value instanceof Set) return `Set ${show([...value].sort())}`;
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(value);
  const fields = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return `{${
    fields.map(([name, field]) => `${name}: ${show(field)}`).join(", ")
  }}`;
}
