import { isSameSecret, randomId } from "./token.ts";

/**
 * What a token is worth to a session.
 *
 * - `"current"`: it opens it
 * - `"owed"`: likewise, by an old secret whose owner is to be sent the new one
 * - `"graced"`: likewise, by an old secret, for a while
 * - `"late"`: nothing; it was replaced while the request was under way
 * - `"outdated"`: nothing, since the grace is over
 * - `"wrong"`: nothing
 */
export type TokenWorth =
  | "current"
  | "owed"
  | "graced"
  | "late"
  | "outdated"
  | "wrong";

/** A secret that has been replaced. */
interface OldSecret {
  readonly secret: string;
  /** When it is worth nothing any more, in UNIX milliseconds. */
  readonly until: number;
  /** Which of all renewals has replaced it. */
  readonly renewal: number;
}

/** How many old secrets are told from wrong ones. */
const MAX_OLD_SECRETS = 8;

/**
 * Microtasks within which a resource that renews last thing is answered: a few
 * for each async function between, and no request that waits for the network.
 */
const TURNS = 10;

let renewals = 0;

/** How many renewals there have been: tells what came before which. */
export function countRenewals(): number {
  return renewals;
}

/** The secrets that a session had before, and who is to be sent the new one. */
export class Renewal<Request> {
  /** The requests whose responses are to carry the new secret. */
  readonly #renewers = new Set<Request>();
  /** One of these requests, which wait, renews: the one that is answered now. */
  #offeredTo: ReadonlySet<Request> | undefined = undefined;
  /** The new secret has not been shown by anybody: the visitor may not have it. */
  #isUnproven = false;
  /** No request renews: who comes with the secret before is sent the new one. */
  #isOwed = false;
  readonly #old: OldSecret[] = [];

  /**
   * A secret in place of another, unless that has not been shown yet.
   *
   * @param until When the other is worth nothing any more, in UNIX milliseconds.
   */
  replace(secret: string, until: number): string {
    if (this.#isUnproven) return secret;
    this.#old.push({ secret, until, renewal: ++renewals });
    if (this.#old.length > MAX_OLD_SECRETS) this.#old.shift();
    this.#isUnproven = true;
    this.#isOwed = false;
    // Who was to be sent the secret before is not sent this one.
    this.#renewers.clear();
    this.#offeredTo = undefined;
    return randomId();
  }

  /** The new secret has been shown: it is owed to nobody any more. */
  prove(): void {
    this.#isUnproven = this.#isOwed = false;
  }

  /**
   * What a secret is worth that is not the current one.
   *
   * @param now UNIX milliseconds.
   * @param arrival How many renewals there had been when the request came.
   */
  worthOf(secret: string, now: number, arrival: number): TokenWorth {
    const old = this.#old.find((old) => isSameSecret(old.secret, secret));
    if (old === undefined) return "wrong";
    if (now >= old.until) return arrival < old.renewal ? "late" : "outdated";
    return this.#isOwed && old === this.#old.at(-1) ? "owed" : "graced";
  }

  /** Has the response to a request carry the new secret. */
  sendTo(request: Request): void {
    this.#renewers.add(request);
  }

  /** Has whoever comes with the secret before be sent the new one. */
  owe(): void {
    this.#isOwed = true;
  }

  /**
   * Has the response carry the new secret that is made at once to one of some
   * requests, if one is.
   *
   * @returns whether one was.
   */
  async offer(requests: readonly Request[]): Promise<boolean> {
    this.#offeredTo = new Set(requests);
    for (let i = 0; i < TURNS; i++) await undefined;
    const isTaken = this.#offeredTo === undefined;
    this.#offeredTo = undefined;
    return isTaken;
  }

  /** Whether a request is to send the new secret, which it is once. */
  take(request: Request): boolean {
    if (this.#renewers.delete(request)) return true;
    if (!this.#offeredTo?.has(request)) return false;
    this.#offeredTo = undefined;
    return true;
  }
}
