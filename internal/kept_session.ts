import type { Session } from "../session.ts";
import type {
  SessionChanges,
  SessionTimes,
  StoredCallback,
} from "../stores/store.ts";

/** More than there are requests of one visitor at once. */
const MAX_NOT_VISITS = 16;

/** What is known of a live session's record, and what it has not been told yet. */
export class KeptSession {
  /** Whether there is a record, as far as is known. */
  isCreated = false;
  /** Whether its creation was sent, and not answered yet, or never. */
  isInDoubt = false;
  /** The version of the record that the session has the values of. */
  version = -1;
  /** UNIX milliseconds, by the clock here, of the touch that the store knows. */
  touchedAt = -Infinity;
  /** Milliseconds. */
  sessionTimeout = NaN;
  /** Milliseconds. */
  absoluteTimeout = NaN;
  /** Values that the store does not have yet; undefined is none any more. */
  values: Map<string, string | undefined> | undefined = undefined;
  /** Callbacks that it does not have yet. */
  callbacks: StoredCallback[] | undefined = undefined;
  hasNewPrincipal = false;
  hasNewSecret = false;
  /** A new secret is on its way to the store. */
  isRenewing = false;
  /** Loads that were no visits: when each touched, and what it was before. */
  readonly #notVisits = new Map<number, number>();
  /** What has been sent to the store, which has not answered yet. */
  readonly #sent = new Set<SessionChanges>();
  /** What is being written. */
  writing: Promise<void> | undefined = undefined;

  /** Takes over what the store says of the times; `sentAt` is when it was asked. */
  noteTimes(times: SessionTimes, sentAt: number): void {
    this.touchedAt = times.touchedAt + sentAt - times.now;
  }

  /**
   * What takes a touch back that was no visit. Where two of them overlap, the
   * first cannot be, and the second goes back behind both.
   */
  takeBack(touchedAt: number, before: number): SessionChanges {
    let to = before;
    for (;;) {
      const earlier = this.#notVisits.get(to);
      if (earlier === undefined || earlier >= to) break;
      to = earlier;
    }
    this.#notVisits.delete(touchedAt);
    this.#notVisits.set(touchedAt, to);
    if (this.#notVisits.size > MAX_NOT_VISITS) {
      const [oldest] = this.#notVisits.keys();
      this.#notVisits.delete(oldest!);
    }
    return { takenBack: { touchedAt, before, to } };
  }

  /** What is to be written, apart from touches; nothing of it is left here. */
  takeChanges(session: Session, options: {
    readonly secretHash: () => string;
    readonly grace: number;
  }): SessionChanges | undefined {
    const changes: {
      -readonly [K in keyof SessionChanges]: SessionChanges[K];
    } = {};
    const sessionTimeout = session.sessionTimeout * 1000;
    const absoluteTimeout = session.absoluteTimeout * 1000;
    if (sessionTimeout >= 0 && sessionTimeout !== this.sessionTimeout) {
      changes.sessionTimeout = this.sessionTimeout = sessionTimeout;
    }
    if (absoluteTimeout >= 0 && absoluteTimeout !== this.absoluteTimeout) {
      changes.absoluteTimeout = this.absoluteTimeout = absoluteTimeout;
    }
    // A timeout that touch() refuses is not written. A new record needs one, so
    // it gets that of the deadline that the session has.
    if (Number.isNaN(this.sessionTimeout)) {
      this.sessionTimeout = (session.expiresAt - session.lastModified) * 1000;
    }
    if (Number.isNaN(this.absoluteTimeout)) this.absoluteTimeout = Infinity;
    if (this.values !== undefined) changes.values = this.values;
    if (this.callbacks !== undefined) changes.addedCallbacks = this.callbacks;
    if (this.hasNewPrincipal) changes.principal = session.principal ?? null;
    if (this.hasNewSecret) {
      changes.renewal = {
        secretHash: options.secretHash(),
        grace: options.grace,
      };
      this.isRenewing = true;
    }
    this.values = undefined;
    this.callbacks = undefined;
    this.hasNewPrincipal = false;
    this.hasNewSecret = false;
    for (const _ in changes) return changes;
    return undefined;
  }

  /** Notes what has been sent; answers what to call once it is answered. */
  noteSent(changes: SessionChanges): () => void {
    this.#sent.add(changes);
    return () => void this.#sent.delete(changes);
  }

  /** Whether a record may be older than what the session has of this kind. */
  isAhead(kind: "sessionTimeout" | "absoluteTimeout" | "principal"): boolean {
    if (kind === "principal" && this.hasNewPrincipal) return true;
    return [...this.#sent].some((changes) => changes[kind] !== undefined);
  }

  /** The keys of the values of which a record may be older. */
  get keysAhead(): Set<string> {
    const maps = [...this.#sent].map(({ values }) => values);
    return new Set([...maps, this.values].flatMap((values) => [
      ...values?.keys() ?? [],
    ]));
  }

  /** Takes back what could not be written; what has changed since counts. */
  putBack(changes: SessionChanges): void {
    if (changes.sessionTimeout !== undefined) this.sessionTimeout = NaN;
    if (changes.absoluteTimeout !== undefined) this.absoluteTimeout = NaN;
    if (changes.values !== undefined) {
      this.values = new Map([...changes.values, ...this.values ?? []]);
    }
    if (changes.addedCallbacks !== undefined) {
      this.callbacks = [...changes.addedCallbacks, ...this.callbacks ?? []];
    }
    if (changes.principal !== undefined) this.hasNewPrincipal = true;
    if (changes.renewal !== undefined) this.hasNewSecret = true;
  }
}
