import type { LoadOptions, NewSession } from "../stores/store.ts";

const TOKEN_HASH = "5a".repeat(32);

/** The load of a request that touches the session. */
export const TOUCH: LoadOptions = {
  tokenHash: TOKEN_HASH,
  touch: true,
  grace: 10_000,
};

/** Returns a session to store: anonymous and empty, except for `facts`. */
export function newSession(
  uid: string,
  facts: Partial<NewSession> = {},
): NewSession {
  return {
    uid,
    tokens: [{ hash: TOKEN_HASH, generation: 0, until: Infinity }],
    generation: 0,
    loginGeneration: 0,
    isRenewalDue: false,
    isRemembered: false,
    isSecure: true,
    principal: undefined,
    sessionTimeout: 900_000,
    absoluteTimeout: Infinity,
    values: new Map(),
    callbacks: [],
    age: 0,
    idle: 0,
    loginAge: undefined,
    ...facts,
  };
}
