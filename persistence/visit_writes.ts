import { type MaybePromise, proceed, settleAll } from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import type { NamedWarnings } from "../registry/named_warnings.ts";
import type { BackendVisit, Lookup } from "../registry/session_backend.ts";
import type { SessionRegistry } from "../registry/session_registry.ts";
import type { BackendParts } from "./backend_parts.ts";
import type { Session } from "../session.ts";
import type { LoginLimit } from "./login_limit.ts";
import { unkept } from "./store_breaker.ts";
import type { PostponedWarnings } from "./postponed_warnings.ts";

/** The objects that the writes of requests use. */
export interface VisitWritesParts extends BackendParts {
  readonly limit: LoginLimit;
  readonly warnings: NamedWarnings;
  readonly postponed: PostponedWarnings;
}

/** Writes the changes of requests before their responses leave. */
export class VisitWrites {
  readonly #registry: SessionRegistry;
  readonly #parts: VisitWritesParts;

  constructor(registry: SessionRegistry, parts: VisitWritesParts) {
    this.#registry = registry;
    this.#parts = parts;
  }

  /**
   * Writes the changes of a request before its response leaves.
   *
   * @throws {HttpError} 503 if a change of the request cannot be written.
   */
  flush(visit: BackendVisit): MaybePromise<void> {
    if (!this.#parts.limit.isFinite) return this.#flush(visit);
    const { loggedInAs, ownSession } = visit;
    return loggedInAs === undefined || ownSession === undefined
      ? this.#flush(visit)
      : this.#flushLogin(visit, loggedInAs, ownSession);
  }

  /** Writes a login, unless the principal has too many sessions. */
  async #flushLogin(
    visit: BackendVisit,
    principal: string,
    session: Session,
  ): Promise<void> {
    const { limit, writer, visits } = this.#parts;
    const { uid } = session;
    visits.addAnswered(visit);
    let refusal: HttpError | undefined;
    try {
      refusal = await limit.refusalOf(principal, uid);
    } catch (error) {
      refusal = unkept(error);
    }
    if (refusal !== undefined) {
      // Neither the login nor another change of the request is written.
      if (this.#isUnwritten(session)) this.#registry.end(session, "evicted");
      else writer.drop(session, refusal.message);
      throw refusal;
    }
    do {
      await this.#flush(visit);
      try {
        await limit.apply(principal, uid);
      } catch (error) {
        if (error instanceof HttpError) throw error;
        // The login is written. The next one applies the limit again.
        this.#registry.site.reportError(error, { session });
      }
    } while (this.#hasUnwrittenLogin(visit));
  }

  /**
   * Returns whether a login or a renewal of a request counts, and is not written: it
   * was superseded when the request was written, and has joined another login since.
   */
  #hasUnwrittenLogin(visit: BackendVisit): boolean {
    const { operations, ownSession } = visit;
    if (operations.length === 0 || !ownSession?.isActive) return false;
    const state = this.#parts.loader.states.get(ownSession);
    return state?.isCreated === true && !visit.isSuperseded &&
      operations.some((one) => state.operations.includes(one));
  }

  #flush(visit: BackendVisit): MaybePromise<void> {
    const { ownSession: session, wasTouched, hasSeenSession: isOwn } = visit;
    const { lookups, isInConflict } = visit;
    const lookup = lookups.find(({ uid }) => uid === session?.uid);
    const { writer, visits, loader, warnings, postponed } = this.#parts;
    const writes: PromiseLike<void>[] = [];
    const write = (act: () => MaybePromise<void>) => {
      try {
        const writing = act();
        if (writing instanceof Promise) writes.push(writing);
      } catch (error) {
        writes.push(Promise.reject(error));
      }
    };
    for (const other of [...writer.changed]) {
      if (other === session || visits.areSuperseded(other)) continue;
      if (writer.mayBeRefused(other)) continue;
      const isSuperseded = () => visits.areSuperseded(other);
      const options = { isOfOthers: true, isSuperseded };
      write(() => writer.flush(other, options));
    }
    const left = visit.leftSession;
    if (left !== undefined && left !== session) {
      write(() => writer.flush(left, { isSuperseded: () => true }));
    }
    if (session !== undefined) {
      const loaded = lookup?.loaded;
      const drops = isOwn ? dropsBefore(lookup) : undefined;
      const state = loader.states.get(session);
      const extra = loaded && state?.settleTouch(loaded, wasTouched);
      const options = {
        extra,
        drops,
        isOfOthers: !isOwn,
        isSuperseded: () =>
          isOwn ? visit.isSuperseded : visits.areSuperseded(session),
      };
      const flush = () =>
        proceed(
          writer.flush(session, options),
          () => warnings.whenBegun(session),
        );
      if (extra === undefined || loaded?.callbacks.length === 0) write(flush);
      else {write(() =>
          proceed(flush(), () => postponed.recheck(session, lookup!))
        );}
    }
    if (isInConflict) {
      for (const one of lookups) write(() => this.#undoTouch(one));
    }
    const unwritten = this.#unwrittenOf(visit);
    for (const uid of unwritten) write(() => this.#writeEnd(uid));
    if (writes.length === 0) return this.#checkWritten(visit);
    return settleAll(writes)
      .then(() => this.#writeOthers(visit, unwritten))
      .then(
        () => this.#checkWritten(visit),
        (error) => this.#fail(visit, error),
      );
  }

  /**
   * Undoes the touch of a session that the request does not use: since its load, a
   * refused login has brought the cookies into conflict.
   */
  #undoTouch({ uid, loaded }: Lookup): MaybePromise<void> {
    const { writer, visits, loader } = this.#parts;
    const session = this.#registry.sessions.get(uid);
    if (session === undefined || loaded === undefined) return;
    const extra = loader.states.get(session)?.settleTouch(loaded, false);
    if (extra === undefined) return;
    const isSuperseded = () => visits.areSuperseded(session);
    return writer.flush(session, { extra, isOfOthers: true, isSuperseded });
  }

  /**
   * Writes the ends of a request's sessions that other requests have ended meanwhile.
   *
   * @param tried The uids whose ends the request has tried to write.
   */
  async #writeOthers(
    visit: BackendVisit,
    tried: readonly string[],
  ): Promise<void> {
    const others = this.#unwrittenOf(visit).filter((uid) =>
      !tried.includes(uid)
    );
    if (others.length === 0) return;
    await Promise.all(others.map((uid) => this.#writeEnd(uid)));
    await this.#writeOthers(visit, [...tried, ...others]);
  }

  /** Returns the uids of a request's sessions whose ends are not written. */
  #unwrittenOf(visit: BackendVisit): string[] {
    const { unwritten } = this.#parts.ended;
    if (unwritten.size === 0) return [];
    return uidsOf(visit).filter((uid) => unwritten.has(uid));
  }

  #writeEnd(uid: string): MaybePromise<void> {
    return this.#parts.claims.of(uid).writeEnd(uid);
  }

  /** Refuses to acknowledge dropped changes and unwritten logouts. */
  #checkWritten(visit: BackendVisit): MaybePromise<void> {
    // An end by another request of the session counts too: after an await, it looks
    // the same as an end by this request.
    if (this.#unwrittenOf(visit).length > 0) {
      const session = visit.ownSession;
      // Values must be written with the end.
      if (session !== undefined) this.#parts.writer.left.dropValues(session);
      throw new HttpError(
        503,
        "You may still be logged in: please try to log out again.",
      );
    }
    const isDropped = visit.operations.some((operation) =>
      this.#parts.loader.isDropped(operation)
    );
    if (isDropped) throw unkept();
    if (this.#hasUnwrittenLogin(visit)) return this.#flush(visit);
  }

  #fail(visit: BackendVisit, error: unknown): never {
    const session = visit.ownSession;
    this.#parts.breakers.of(session?.uid ?? "").report(error, { session });
    if (session !== undefined) {
      const isUnwritten = this.#isUnwritten(session);
      // They must not be written with its end.
      if (isUnwritten || !session.isActive) {
        this.#parts.writer.left.dropValues(session);
      }
      if (isUnwritten) this.#registry.end(session, "evicted");
    }
    throw error instanceof HttpError ? error : unkept(error);
  }

  /** Returns whether a session has no record yet. */
  #isUnwritten(session: Session): boolean {
    return this.#parts.loader.states.get(session)?.isCreated === false;
  }
}

/**
 * Returns how often changes of a session had been dropped when a request was given
 * it; undefined if its record was not loaded.
 *
 * @param lookup The lookup of the session; undefined if the request has made it.
 */
function dropsBefore(lookup: Lookup | undefined): number | undefined {
  if (lookup === undefined) return 0;
  return lookup.loaded === undefined ? undefined : lookup.drops;
}

/**
 * Returns whether a request has logged out, or logged in to another session than
 * before.
 */
function hasLeftSession(visit: BackendVisit): boolean {
  return visit.hasLoggedOut ||
    visit.isNewSession && visit.ownSession?.principal !== undefined;
}

/** Returns the uids of the sessions that a request may have ended. */
function uidsOf(visit: BackendVisit): readonly string[] {
  const uid = visit.ownSession?.uid;
  const own = uid === undefined ? [] : [uid];
  return hasLeftSession(visit)
    ? [...own, ...visit.lookups.map(({ uid }) => uid)]
    : own;
}
