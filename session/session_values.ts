import { describe, describeIssues } from "../base/describe.ts";
import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import type { computeValue } from "./value_change.ts";
import { OWNER, type SessionChange } from "./internals.ts";
import {
  type AnySessionKey,
  nameOf,
  type SchemaResult,
} from "./session_key.ts";

/** The acts on values of sessions in a store, besides recording changes. */
export interface StoredValuesOf<Session> {
  /**
   * Records that the application got an object, which it may change inside.
   *
   * @param isMade Whether a schema has just made the object of the value in the
   * store.
   */
  noteRead(session: Session, key: string, value: object, isMade: boolean): void;
  /**
   * Replaces a value by a new one that is computed from it, in one step.
   *
   * @param compute Computes the new value; called again if the value has changed
   * meanwhile.
   * @throws {TypeError} If no store can keep the value.
   */
  update(
    session: Session,
    key: string,
    compute: () => unknown,
  ): Promise<unknown>;
  /** Loads what other processes have changed. */
  reload(session: Session): Promise<void>;
}

/** The parts of a session that its values use. */
export interface ValuedSession<Session> {
  readonly uid: string;
  readonly isActive: boolean;
  readonly site: {
    reportError(error: unknown, context: object): void;
    readonly [OWNER]: {
      readonly backend: {
        /** Undefined without a store. */
        readonly values: StoredValuesOf<Session> | undefined;
        changed(session: Session, change: SessionChange): void;
      };
      readonly later: {
        /** Loads the code of updates. */
        load(): MaybePromise<{ readonly computeValue: typeof computeValue }>;
      };
    };
  };
}

/**
 * Whether a value is valid for a key. If not, it has a value that takes its place.
 */
type Verdict =
  | { readonly isRight: true }
  | { readonly isRight: false; readonly fallback: unknown };

const RIGHT: Verdict = { isRight: true };

/** The values of one session. */
export class SessionValues<Session extends ValuedSession<Session>> {
  readonly #session: Session;
  #values: Map<string, unknown> = new Map();
  /** The verdicts on the present values. */
  #verdicts: Map<AnySessionKey, Verdict> | undefined = undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The values by their plain keys. */
  get all(): ReadonlyMap<string, unknown> {
    return this.#values;
  }

  /** Takes over all values of a record. */
  replace(values: ReadonlyMap<string, unknown>): void {
    for (const key of this.#verdicts?.keys() ?? []) {
      if (values.get(key.name) !== this.#values.get(key.name)) {
        this.#forget(key.name);
      }
    }
    this.#values = new Map(values);
  }

  /** Returns a value; the default of a key is kept. */
  get(key: string | AnySessionKey): unknown {
    const name = nameOf(key);
    const value = typeof key === "string"
      ? this.#values.get(key)
      : this.#getByKey(key);
    // The value that takes the place of an invalid one is not stored.
    if (this.#values.get(name) === value) this.#noteRead(name, value, false);
    return value;
  }

  /** Sets a value. */
  set(key: string | AnySessionKey, value: unknown): void {
    const name = nameOf(key);
    const session = this.#session;
    session.site[OWNER].backend.changed(session, {
      kind: "value",
      key: name,
      value,
    });
    this.#values.set(name, value);
    this.#forget(name);
    this.#trust(key);
  }

  /**
   * Returns whether there is a value; one that the schema refuses does not count.
   */
  has(key: string | AnySessionKey): boolean {
    if (!this.#values.has(nameOf(key))) return false;
    return typeof key === "string" || this.#judge(key).isRight;
  }

  /** Deletes a value; returns whether there was one. */
  delete(key: string | AnySessionKey): boolean {
    const name = nameOf(key);
    if (!this.#values.has(name)) return false;
    const session = this.#session;
    session.site[OWNER].backend.changed(session, { kind: "delete", key: name });
    this.#values.delete(name);
    this.#forget(name);
    return true;
  }

  /** Returns a value, or the default, and deletes the value. */
  take(key: string | AnySessionKey): unknown {
    const value = this.#current(key);
    this.delete(key);
    return value;
  }

  /** Replaces a value by the result of `change` for a copy of it, in one step. */
  async update(
    key: string | AnySessionKey,
    change: (value: unknown) => unknown,
  ): Promise<unknown> {
    const name = nameOf(key);
    const session = this.#session;
    const { uid, site } = session;
    const code = site[OWNER].later.load();
    const { computeValue } = isPromiseLike(code) ? await code : code;
    const current = () => this.#current(key);
    const compute = () => computeValue({ change, current, name, uid });
    const { values } = site[OWNER].backend;
    let value: unknown;
    if (values === undefined) this.set(name, value = compute());
    else value = await values.update(session, name, compute);
    if (this.#values.get(name) === value) this.#trust(key);
    return value;
  }

  #getByKey(key: AnySessionKey): unknown {
    if (this.#values.get(key.name) === undefined) {
      const value = key.defaultValue?.();
      if (value !== undefined && this.#session.isActive) this.set(key, value);
      return value;
    }
    return this.#current(key);
  }

  /**
   * Returns the valid value of a key, or its default, without storing the default.
   */
  #current(key: string | AnySessionKey): unknown {
    const value = this.#values.get(nameOf(key));
    if (typeof key === "string") return value;
    if (value === undefined) return key.defaultValue?.();
    const verdict = this.#judge(key);
    return verdict.isRight ? this.#values.get(key.name) : verdict.fallback;
  }

  /** Checks the value under a key, once for each value and key. */
  #judge(key: AnySessionKey): Verdict {
    const { schema, name } = key;
    if (schema === undefined) return RIGHT;
    const known = this.#verdicts?.get(key);
    if (known !== undefined) return known;
    const before = this.#values.get(name);
    const refuse = (why: string, cause?: unknown): Verdict => {
      this.#report(name, why, cause);
      return { isRight: false, fallback: key.defaultValue?.() };
    };
    let result: SchemaResult | Promise<unknown>;
    let verdict: Verdict = RIGHT;
    try {
      result = schema["~standard"].validate(before);
      if (isPromiseLike(result)) {
        Promise.resolve(result).catch(() => {});
        verdict = refuse(
          "the schema returned a promise; it must answer at once",
        );
      } else if (result.issues !== undefined) {
        verdict = refuse(describeIssues(result.issues));
      } else if (result.value !== before) {
        this.#putInPlace(name, result.value);
      }
    } catch (error) {
      verdict = refuse("the schema throws", error);
    }
    (this.#verdicts ??= new Map()).set(key, verdict);
    return verdict;
  }

  /** Replaces a value by the output of its schema. */
  #putInPlace(name: string, value: unknown): void {
    this.#values.set(name, value);
    this.#forget(name);
    this.#noteRead(name, value, true);
  }

  #trust(key: string | AnySessionKey): void {
    if (typeof key === "string" || key.schema === undefined) return;
    (this.#verdicts ??= new Map()).set(key, RIGHT);
  }

  #forget(name: string): void {
    for (const key of this.#verdicts?.keys() ?? []) {
      if (key.name === name) this.#verdicts?.delete(key);
    }
  }

  #noteRead(name: string, value: unknown, isMade: boolean): void {
    if (typeof value !== "object" || value === null) return;
    const session = this.#session;
    if (!session.isActive) return;
    session.site[OWNER].backend.values?.noteRead(session, name, value, isMade);
  }

  #report(name: string, why: string, cause: unknown): void {
    const session = this.#session;
    session.site.reportError(
      new Error(
        `Cannot use ${describe(name)} of session "${session.uid}": ${why}`,
        cause === undefined ? undefined : { cause },
      ),
      { session },
    );
  }
}

/** The parts of a session that its components use. */
export interface ReportingSession {
  readonly site: {
    reportError(error: unknown, context: object): void;
  };
}

/** The objects kept in a session, by their classes. */
export type Components<Session> = Map<
  new (session: Session) => unknown,
  unknown
>;

/** Returns a session's object of a class; makes it at the first call. */
export function componentOf<Session extends ReportingSession, T>(
  components: Components<Session>,
  component: new (session: Session) => T,
  session: Session,
): T {
  const kept = components.get(component);
  if (kept !== undefined || components.has(component)) return kept as T;
  const made = new component(session);
  components.set(component, made);
  // The caller may not await it, and its rejection would end the process.
  if (isPromiseLike(made)) Promise.resolve(made).catch(reporterOf(session));
  return made;
}

/** Returns a function that reports errors of a session. */
export function reporterOf(
  session: ReportingSession,
): (error: unknown) => void {
  return (error) => session.site.reportError(error, { session });
}
