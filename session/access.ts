/**
 * What a token may do.
 *
 * - `"current"`: opens the session
 * - `"previous"`: opens it while requests under way may still carry it
 * - `"superseded"`: opens nothing since a login, but is recognized for a while
 * - `"expired"`: opens nothing, its grace is over
 * - `"invalid"`: is not a token of the session
 */
export type TokenStatus =
  | "current"
  | "previous"
  | "superseded"
  | "expired"
  | "invalid";

/** The facts that decide what a token may do. */
export interface TokenFacts {
  /** Raised by each renewal and each login. */
  readonly generation: number;
  /** When the token expires, in UNIX milliseconds; Infinity for never. */
  readonly until: number;
}

/** One token of a session. */
export interface IssuedToken extends TokenFacts {
  /** The secret, or its hash where sessions are stored. */
  readonly key: string;
}

/** Principal and tokens of a session, as they are stored. */
export interface AccessState {
  readonly principal: string | undefined;
  readonly generation: number;
  readonly loginGeneration: number;
  readonly isRenewalDue: boolean;
  /** Whether the last login asked the browser to keep the cookie. */
  readonly isRemembered: boolean;
  /** UNIX milliseconds of the last login; undefined before the first. */
  readonly authenticatedAt: number | undefined;
  readonly tokens: readonly IssuedToken[];
}

/** Where a login takes place; see {@linkcode SessionAccess.planLogin}. */
export type LoginPlan = "stay" | "join" | "switch" | "new";

/** A change of principal or tokens. It can be decided again on a newer state. */
export type AccessOperation =
  | {
    readonly kind: "renew";
    /** The key of the token to issue. */
    readonly key: string;
    /** The key of the token that the request came with. */
    readonly byKey: string;
  }
  | {
    readonly kind: "login";
    readonly key: string;
    readonly byKey: string;
    readonly principal: string;
    /** UNIX milliseconds. */
    readonly at: number;
    readonly isRemembered: boolean;
  }
  | { readonly kind: "principal"; readonly principal: string | undefined }
  | { readonly kind: "renewal-due" };

/** How many tokens of a session are remembered. */
export const MAX_TOKENS = 8;

/**
 * Who may use a session: its principal, and the tokens that open it.
 *
 * Each token belongs to a generation. A renewal issues a token of the next
 * generation, which takes effect when a request arrives with it. A login takes
 * effect at once. Two numbers say what a token of generation g may do:
 *
 *     g >= generation                    current
 *     loginGeneration <= g < generation  previous
 *     g < loginGeneration                superseded
 */
export class SessionAccess implements AccessState {
  principal: string | undefined;
  generation: number;
  loginGeneration: number;
  isRenewalDue: boolean;
  isRemembered: boolean;
  authenticatedAt: number | undefined;
  tokens: IssuedToken[];

  constructor(state: AccessState) {
    this.principal = state.principal;
    this.generation = state.generation;
    this.loginGeneration = state.loginGeneration;
    this.isRenewalDue = state.isRenewalDue;
    this.isRemembered = state.isRemembered;
    this.authenticatedAt = state.authenticatedAt;
    this.tokens = [...state.tokens];
  }

  /**
   * Finds a token, in a time that does not depend on its digits.
   *
   * @param text The text that ends with the key.
   * @param begin The index at which the key begins.
   */
  find(text: string, begin = 0): IssuedToken | undefined {
    return this.tokens.find(({ key }) => isSameSecret(key, text, begin));
  }

  /** Returns what a token may do at a time in UNIX milliseconds. */
  statusOf({ generation, until }: TokenFacts, now: number): TokenStatus {
    if (now >= until) return "expired";
    if (generation < this.loginGeneration) return "superseded";
    return generation >= this.generation ? "current" : "previous";
  }

  /**
   * Puts the generation of a token that has arrived into effect.
   *
   * @param until When the tokens before it expire, in UNIX milliseconds.
   * @returns whether the state has changed.
   */
  present({ generation }: TokenFacts, until: number): boolean {
    if (generation <= this.generation) return false;
    this.generation = generation;
    this.#fadeBefore(generation, until);
    return true;
  }

  /**
   * Decides where a login takes place.
   *
   * @param token The token that the request came with, if it is one of these.
   * @returns `"stay"`: in this session, and every other token is superseded;
   * `"join"`: in this session, beside the login that superseded the token;
   * `"switch"`: this session ends and another begins; `"new"`: in another session.
   */
  planLogin(
    token: TokenFacts | undefined,
    principal: string,
    now: number,
  ): LoginPlan {
    const status = token === undefined ? "invalid" : this.statusOf(token, now);
    if (status === "invalid" || status === "expired") return "new";
    const isOthers = this.principal !== undefined &&
      this.principal !== principal;
    if (isOthers) return status === "current" ? "switch" : "new";
    if (status === "current") return "stay";
    if (status === "superseded") {
      return this.principal === principal ? "join" : "new";
    }
    return this.principal === principal ? "stay" : "new";
  }

  /**
   * Makes a change, unless the rules refuse it in this state. If the state has the
   * token of the change already, the change was made before.
   *
   * @param until When replaced tokens expire, in UNIX milliseconds.
   * @returns whether the state has the change now.
   */
  apply(operation: AccessOperation, now: number, until: number): boolean {
    switch (operation.kind) {
      case "renewal-due":
        this.isRenewalDue = true;
        return true;
      case "principal":
        return this.#assign(operation.principal);
      case "renew": {
        if (this.find(operation.key) !== undefined) return true;
        const by = this.find(operation.byKey);
        if (by === undefined || this.statusOf(by, now) !== "current") {
          return false;
        }
        return this.#issueRenewal(operation.key, by.generation, now);
      }
      case "login":
        // A login is decided by its own time, however late it is written.
        return this.#logIn(operation, Math.min(now, operation.at), until);
    }
  }

  #assign(principal: string | undefined): boolean {
    const isRefused = this.principal !== undefined && principal !== undefined &&
      this.principal !== principal;
    if (isRefused) return false;
    this.principal = principal;
    return true;
  }

  #issueRenewal(key: string, by: number, now: number): boolean {
    if (!this.#makeRoom(now)) return false;
    this.isRenewalDue = false;
    const generation = Math.max(by + 1, this.generation);
    this.tokens.push({ key, generation, until: Infinity });
    return true;
  }

  #logIn(
    login: AccessOperation & { readonly kind: "login" },
    now: number,
    until: number,
  ): boolean {
    const { key, byKey, principal, at, isRemembered } = login;
    if (this.find(key) !== undefined) return this.principal === principal;
    const plan = this.planLogin(this.find(byKey), principal, now);
    if (plan !== "stay" && plan !== "join") return false;
    if (plan === "stay") {
      const newest = Math.max(
        ...this.tokens.map(({ generation }) => generation),
      );
      this.generation = this.loginGeneration = newest + 1;
      this.principal = principal;
      this.isRenewalDue = false;
      this.#fadeBefore(newest + 1, until);
    }
    this.authenticatedAt = at;
    this.isRemembered = isRemembered;
    // A login always gets a token, if need be in place of the oldest.
    if (!this.#makeRoom(now)) this.tokens.shift();
    this.tokens.push({ key, generation: this.generation, until: Infinity });
    return true;
  }

  /** Forgets the oldest expired token if there is no room for another. */
  #makeRoom(now: number): boolean {
    if (this.tokens.length < MAX_TOKENS) return true;
    const at = this.tokens.findIndex(({ until }) => now >= until);
    if (at === -1) return false;
    this.tokens.splice(at, 1);
    return true;
  }

  #fadeBefore(generation: number, until: number): void {
    this.tokens = this.tokens.map((token) =>
      token.generation < generation && token.until === Infinity
        ? { ...token, until }
        : token
    );
  }
}

/**
 * Returns whether a text ends with a secret, in a time that depends on lengths only.
 *
 * @param begin The index at which the secret would begin.
 */
export function isSameSecret(
  secret: string,
  text: string,
  begin: number,
): boolean {
  if (secret.length !== text.length - begin) return false;
  let difference = 0;
  for (let i = 0; i < secret.length; i++) {
    difference |= secret.charCodeAt(i) ^ text.charCodeAt(begin + i);
  }
  return difference === 0;
}

/** The facts of the first token of each session, until it gets another one. */
const FIRST: TokenFacts = { generation: 0, until: Infinity };

/**
 * Returns the access part; makes it from the session's only token at the first
 * call.
 */
export function openAccess(
  parts: { access?: SessionAccess },
  key: string,
): SessionAccess {
  return parts.access ??= new SessionAccess({
    principal: undefined,
    generation: FIRST.generation,
    loginGeneration: FIRST.generation,
    isRenewalDue: false,
    isRemembered: false,
    authenticatedAt: undefined,
    tokens: [{ key, ...FIRST }],
  });
}

/**
 * Finds a token of a session.
 *
 * @param access Its tokens; undefined while it has only one.
 * @param only The key of that token.
 * @param text The text that ends with the key to find.
 * @param begin The index at which that key begins.
 */
export function findToken(
  access: SessionAccess | undefined,
  only: string,
  text: string,
  begin: number,
): TokenFacts | undefined {
  if (access !== undefined) return access.find(text, begin);
  return isSameSecret(only, text, begin) ? FIRST : undefined;
}
