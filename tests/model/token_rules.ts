/**
 * The rules of session tokens, as functions on the record of one session: a
 * model of `session/access.ts`, which must be kept in step with it.
 *
 * Each token belongs to a generation. A renewal issues a token of the next
 * generation, which takes effect when one of its tokens is presented. A login
 * takes effect at once. Two numbers of the record say what a token of
 * generation g may do:
 *
 *     g >= generation                    current: opens the session
 *     loginGeneration <= g < generation  previous: opens it within the grace
 *     g < loginGeneration                superseded: opens nothing, but is
 *                                        recognized within the grace
 *
 * @module
 */

/** The user that a session acts for; "" before a login. */
export type Principal = "" | "alice" | "mallory";

/** A token; `fading` means that it is forgotten when the grace is over. */
export interface Token {
  id: string;
  generation: number;
  principal: Principal;
  fading: boolean;
}

/** The record of one session. */
export interface Session {
  id: string;
  principal: Principal;
  generation: number;
  loginGeneration: number;
  tokens: Token[];
  /** Whether `session.renew()` was called, and no token has been issued since. */
  isRenewalDue: boolean;
  /** Whether the browser keeps its cookies, as the last login has asked. */
  isRemembered: boolean;
  /** The accounts that have stored values: 1 a guest, 2 alice, 4 mallory. */
  values: number;
  hasEnded: boolean;
  /** For the checks only: the browser that began the session or logged in. */
  owner: "victim" | "attacker";
}

/** Rules that were considered and refused, each breaks an invariant. */
export const DEVIATIONS = [
  "a repeated login begins a second session",
  "a repeated login kills the token of the first",
  "a login by a previous token of the same principal begins a session",
  "a login by a previous token issues no token",
  "a login leaves the old token its grace",
  "a login of another principal keeps the session",
  "a cross-site login sends no cookie",
  "a request keeps its session after a login",
  "a request keeps its principal for ever",
  "the grace begins at the renewal",
  "other new tokens fade when one is presented",
  "a previous token can renew",
  "a superseded token begins a session",
  "an end under way begins a session",
  "an invalid token is cleared",
  "each answer of an ended session clears",
  "a token that has died is sent",
  "a cross-site logout clears",
  "the first cookie counts",
  "the last cookie counts",
  "the cookie that is logged in counts",
  "a logout by a superseded token ends nothing",
  "the store writes without looking",
  "values are written whatever the token",
  "an unwritten login changes the principal only",
  "an unwritten login is not decided anew",
  "a login leaves the session of an unwritten logout",
  "a login by several cookies leaves their sessions",
  "a renewed cookie is not remembered",
] as const;

/** How many tokens of a session are remembered. */
export const MAX_TOKENS = 8;

export type Deviation = typeof DEVIATIONS[number];
export type Rules = ReadonlySet<Deviation>;

/** Returns what a token of a generation may do. */
export function statusOf(session: Session, generation: number, fading = false) {
  if (generation < session.loginGeneration) return "superseded";
  return generation >= session.generation && !fading ? "current" : "previous";
}

/** Puts the generation of a token that was presented into effect. */
export function present(session: Session, token: Token, rules: Rules): void {
  if (token.generation > session.generation) {
    session.generation = token.generation;
    fadeBefore(session, token.generation);
  }
  const isFirst = !token.fading && token.generation === session.generation;
  if (isFirst && rules.has("other new tokens fade when one is presented")) {
    for (const other of session.tokens) other.fading ||= other !== token;
  }
}

/** Issues the token of a renewal; returns false if the request may not. */
export function renew(
  session: Session,
  by: { generation: number; arrivedCurrent: boolean },
  id: string,
  rules: Rules,
): boolean {
  const isAtOnce = rules.has("the grace begins at the renewal");
  const status = statusOf(session, by.generation);
  const mayRenew = status === "current" || status === "previous" &&
      (rules.has("a previous token can renew") ||
        isAtOnce && by.arrivedCurrent);
  if (!mayRenew || session.tokens.length >= MAX_TOKENS) return false;
  const { principal } = session;
  session.isRenewalDue = false;
  const generation = Math.max(by.generation + 1, session.generation);
  session.tokens.push({ id, generation, principal, fading: false });
  if (isAtOnce) {
    session.generation = generation;
    fadeBefore(session, generation);
  }
  return true;
}

/**
 * Decides whether `renewSession()` begins a session: a token that is no longer
 * current renews nothing, and the next step of its request is likely a login.
 */
export function beginsAtRenewal(session: Session, generation: number): boolean {
  return session.principal === "" &&
    statusOf(session, generation) === "previous";
}

/** Decides what a login does: in which session, and what it supersedes. */
export function planLogin(
  session: Session | undefined,
  generation: number,
  principal: Principal,
  rules: Rules,
): "stay" | "join" | "switch" | "new" | "unrenewed" {
  if (session === undefined || session.hasEnded) return "new";
  const status = statusOf(session, generation);
  if (session.principal !== "" && session.principal !== principal) {
    if (status !== "current") return "new";
    return rules.has("a login of another principal keeps the session")
      ? "stay"
      : "switch";
  }
  if (status === "current") return "stay";
  if (status === "superseded") {
    // The program may have taken the principal away.
    if (session.principal === "") return "new";
    if (rules.has("a repeated login begins a second session")) return "new";
    return rules.has("a repeated login kills the token of the first")
      ? "stay"
      : "join";
  }
  if (rules.has("a login by a previous token issues no token")) {
    return "unrenewed";
  }
  const isRefused = rules.has(
    "a login by a previous token of the same principal begins a session",
  );
  return session.principal === principal && !isRefused ? "stay" : "new";
}

/** Logs in to a session that stays. */
export function logIn(
  session: Session,
  plan: "stay" | "join",
  { id, principal, isRemembered }: {
    id: string;
    principal: Principal;
    isRemembered: boolean;
  },
  rules: Rules,
): void {
  session.isRemembered = isRemembered;
  if (plan === "stay") {
    const newest = Math.max(...session.tokens.map((t) => t.generation));
    session.generation = newest + 1;
    if (!rules.has("a login leaves the old token its grace")) {
      session.loginGeneration = newest + 1;
    }
    session.principal = principal;
    session.isRenewalDue = false;
    fadeBefore(session, newest + 1);
  }
  const { generation } = session;
  // A login always gets a token: the oldest makes room.
  if (session.tokens.length >= MAX_TOKENS) session.tokens.shift();
  session.tokens.push({ id, generation, principal, fading: false });
}

/** Forgets the tokens whose grace is over. */
export function passGrace(session: Session): void {
  session.tokens = session.tokens.filter((token) => !token.fading);
}

function fadeBefore(session: Session, generation: number): void {
  for (const old of session.tokens) old.fading ||= old.generation < generation;
}
