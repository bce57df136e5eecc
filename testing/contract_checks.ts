/**
 * What the tests of a store share.
 *
 * @module
 */

import type {
  Claimant,
  ClaimedEnd,
  LoadedSession,
  MaybePromise,
  NewSession,
  SessionStore,
  SessionTimes,
  StoredCallback,
} from "../stores/store.ts";

/** A store of its own for one test, empty at first. */
export interface StoreUnderTest extends AsyncDisposable {
  /** The store. */
  readonly store: SessionStore;
  /**
   * Resolves when the store's clock shows at least so many milliseconds more:
   * moves a clock that is faked, or waits.
   */
  advance(milliseconds: number): MaybePromise<void>;
  /** The store as another node of the site has it, over the same records. */
  second?(): MaybePromise<SessionStore>;
  /**
   * Closes the store, and opens it again as after a restart; only of a store
   * that outlives its process. What `store` was is not used any more.
   */
  reopen?(): MaybePromise<SessionStore>;
}

/** What a test of the contract is given. */
export interface ContractContext {
  /** The store and its clock. */
  readonly subject: StoreUnderTest;
  /** The store. */
  readonly store: SessionStore;
  /** How many sessions the tests of crowds take. */
  readonly crowd: number;
  /** How many logouts race against slow writers. */
  readonly races: number;
}

/** Tests by the fact that each is about. */
export type ContractTests = Readonly<
  Record<string, (context: ContractContext) => Promise<void>>
>;

/** Milliseconds that never pass in a test. */
export const LONG = 3_600_000;

/** Milliseconds to wait for. */
export const SHORT = 40;

/**
 * How often a quarter of that passes before something is not waited for any more:
 * it takes one or two, or a hundred where the machine is stalled.
 */
const ROUNDS = 2000;

/** The hash of the secret that sessions of the tests have. */
export const HASH: string = "5a".repeat(32);

/** How the tests load: as the visitor does. */
export const VISIT = { secretHash: HASH, touch: true } as const;

/** How the tests look: without a trace. */
export const LOOK = { secretHash: HASH, touch: false } as const;

/** A node, with a lease that does not run out. */
export const NODE: Claimant = { owner: "node-a", lease: LONG };

/** Another one. */
export const OTHER_NODE: Claimant = { owner: "node-b", lease: LONG };

/** A session to keep; an hour of both timeouts unless told. */
export function sessionOf(
  uid: string,
  facts: Partial<NewSession> = {},
): NewSession {
  return {
    uid,
    secretHash: HASH,
    oldSecrets: [],
    isSecure: false,
    principal: undefined,
    sessionTimeout: LONG,
    absoluteTimeout: Infinity,
    values: new Map(),
    callbacks: [],
    age: 0,
    idle: 0,
    ...facts,
  };
}

/** A callback by name; its id is its name unless told. */
export function callbackOf(
  name: string,
  facts: Partial<StoredCallback> = {},
): StoredCallback {
  return { id: name, name, argument: "{}", ...facts };
}

/** Keeps a session, which must be new. */
export async function keep(
  store: SessionStore,
  uid: string,
  facts: Partial<NewSession> = {},
): Promise<SessionTimes> {
  const times = await store.create(sessionOf(uid, facts));
  return present(times, `create() of the new session "${uid}"`);
}

/** Loads a session that must be there. */
export async function look(
  store: SessionStore,
  uid: string,
): Promise<LoadedSession> {
  return present(await store.load(uid, LOOK), `load() of "${uid}"`);
}

/** Claims all that can be claimed now. */
export async function claimAll(
  store: Pick<SessionStore, "claim">,
  claimant: Claimant = NODE,
): Promise<ClaimedEnd[]> {
  const all: ClaimedEnd[] = [];
  for (;;) {
    const { ends } = await store.claim(claimant, 100);
    if (ends.length === 0) return all;
    all.push(...ends);
  }
}

/** Lets time pass and claims, until the claim has what is waited for. */
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

/** Lets time pass until something has come true. */
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

/** Fails, saying what was expected, unless it is so. */
export function check(isSo: boolean, expected: string): asserts isSo {
  if (!isSo) throw new StoreContractError(expected);
}

/** Fails unless both are the same, their insides compared. */
export function same(actual: unknown, expected: unknown, what: string): void {
  if (show(actual) === show(expected)) return;
  throw new StoreContractError(
    `${what}: expected ${shorten(expected)}, got ${shorten(actual)}`,
  );
}

/** Fails unless something is there. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) {
    throw new StoreContractError(`${what}: expected an answer, got undefined`);
  }
  return value;
}

/** Fails unless nothing is there. */
export function absent(value: unknown, what: string): void {
  same(value, undefined, what);
}

/** A store does not do what the contract says. */
export class StoreContractError extends Error {
  /** The name of the class. */
  override readonly name = "StoreContractError";
}

function shorten(value: unknown): string {
  const text = show(value);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

/** One text for what is the same, whatever the order of its keys. */
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
