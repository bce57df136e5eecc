import type { StoredSession, StoredToken } from "../../stores/store.ts";
import type { StoreCall } from "./wire.ts";

/** A change of a record that breaks a promise. */
export interface BrokenRule {
  readonly promise: number;
  readonly text: string;
}

/** The most tokens of a session. */
const MAX_TOKENS = 8;

/** Returns what is wrong with the step from one state of a record to the next. */
export function changesOf(
  before: StoredSession,
  after: StoredSession,
  { call, now, grace }: {
    readonly call: StoreCall;
    /** UNIX milliseconds of the store. */
    readonly now: number;
    /** Milliseconds that a replaced token still counts. */
    readonly grace: number;
  },
): BrokenRule[] {
  const broken: BrokenRule[] = [];
  const must = (promise: number, holds: boolean, text: string) => {
    if (!holds) broken.push({ promise, text });
  };
  const isLogin = after.loginGeneration > before.loginGeneration;
  const isJoin = after.authenticatedAt !== before.authenticatedAt;
  must(
    12,
    after.generation >= before.generation &&
      after.loginGeneration >= before.loginGeneration &&
      after.loginGeneration <= after.generation,
    `generation ${before.generation}/${before.loginGeneration} becomes ${after.generation}/${after.loginGeneration}`,
  );
  must(
    13,
    before.principal === after.principal ||
      before.principal === undefined && isLogin,
    `${before.principal} becomes ${after.principal}`,
  );
  if (after.generation > before.generation && !isLogin) {
    const { tokenHash } = (call.args[1] ?? {}) as { tokenHash?: string };
    const token = after.tokens.find(({ hash }) => hash === tokenHash);
    must(
      12,
      call.name === "load" && token?.generation === after.generation,
      `a new generation takes effect by ${call.name}`,
    );
  }
  const old = new Map(before.tokens.map((token) => [token.hash, token]));
  for (const token of after.tokens) {
    const earlier = old.get(token.hash);
    old.delete(token.hash);
    if (earlier === undefined) judgeNew(token);
    else judgeKept(earlier, token);
  }
  // A login always gets a token, in place of the oldest one. A write adds several
  // tokens if several logins are in it.
  const added = after.tokens.length - (before.tokens.length - old.size);
  const isFull = added > 0 && before.tokens.length + added > MAX_TOKENS;
  for (const { until } of old.values()) {
    must(
      12,
      now >= until || isLogin || isJoin || isFull,
      "a token that counts is forgotten",
    );
  }
  must(12, after.tokens.length <= MAX_TOKENS, "it has too many tokens");
  must(
    18,
    after.createdAt === before.createdAt && after.version >= before.version,
    "it is another session",
  );
  return broken;

  function judgeNew({ generation }: StoredToken): void {
    must(12, call.name === "commit", `a token is added by ${call.name}`);
    must(
      12,
      isLogin
        ? generation >= before.generation &&
          generation <= after.loginGeneration
        : generation >= before.generation &&
          generation <= before.generation + 1,
      `a token of generation ${generation} is issued at ${before.generation}`,
    );
  }

  function judgeKept(earlier: StoredToken, token: StoredToken): void {
    must(
      12,
      earlier.generation === token.generation,
      "a token changes its generation",
    );
    if (earlier.until !== Infinity) {
      return must(
        12,
        token.until <= earlier.until,
        "a token that fades is prolonged",
      );
    }
    if (token.until === Infinity) {
      return must(
        isLogin ? 13 : 12,
        token.generation >= after.generation,
        "a token of an earlier generation does not fade",
      );
    }
    must(
      12,
      token.generation < after.generation &&
        Math.abs(token.until - now - grace) <= 1,
      "a token fades that counts, or not for the grace",
    );
  }
}
