import { describe, visible } from "../base/describe.ts";
import { callGuarded } from "../base/promises.ts";
import type {
  RequestFacts,
  SessionFactory,
  SessionsOptions,
} from "./sessions_options.ts";
import {
  Session,
  type SessionChange,
  type SessionComponent,
  type SessionSite,
} from "../session.ts";

/** The site of new sessions, with their class. */
export interface BuildingSite extends SessionSite {
  /** The class of new sessions. */
  sessionFactory: SessionFactory;
}

/**
 * Makes a session by the factory of a site, with the timeouts of the options.
 *
 * @throws {TypeError} If the factory does not make a Session with the uid.
 * @throws {Error} If the factory makes a session that has ended.
 */
export function buildSession(
  site: BuildingSite,
  options: Readonly<SessionsOptions>,
  uid: string,
): Session {
  const { sessionFactory } = site;
  const session: unknown = new sessionFactory(site, uid);
  if (!(session instanceof Session) || session.uid !== uid) {
    throw new TypeError(
      `Cannot make a session: ${
        describe(sessionFactory)
      } made no Session with the uid it was given: ${describe(session)}`,
    );
  }
  if (!session.isActive) {
    throw new Error(
      `Cannot make a session: ${
        describe(sessionFactory)
      } made one that has ended: ${visible(`${session.end?.reason}`)}`,
    );
  }
  for (const name of ["sessionTimeout", "absoluteTimeout"] as const) {
    const seconds = options[name];
    if (seconds !== undefined && isDefault(session, name)) {
      session[name] = seconds;
    }
  }
  return session;
}

/** Returns whether a timeout is the default of the class Session. */
function isDefault(session: Session, name: keyof Session): boolean {
  let object: object = session;
  while (!Object.hasOwn(object, name)) object = Object.getPrototypeOf(object);
  return object === Session.prototype;
}

/** A subclass of Session that a factory makes. */
export type SessionType<S extends Session> = new (
  ...args: ConstructorParameters<typeof Session>
) => S;

/**
 * Returns the session, typed as a class of sessions, or the session's object of
 * another class.
 *
 * @throws {TypeError} If the class is a class of sessions and the session is not of
 * it.
 */
export function sessionAs<T>(
  session: Session,
  type: SessionType<Session> | SessionComponent<T>,
): Session | T {
  const isOfSessions = type === Session || type.prototype instanceof Session;
  if (!isOfSessions) {
    return session.getComponent(type as SessionComponent<T>);
  }
  if (session instanceof type) return session;
  throw new TypeError(
    `Cannot get the session as ${type.name}: the sessionFactory makes ${session.constructor.name}`,
  );
}

/** Characters of a description; the rest is cut off. */
const MAX_LENGTH = 1000;

/** The members of the registry that descriptions use. */
export interface DescribingRegistry {
  readonly options: { describe?(request: RequestFacts): string };
  readonly site: { reportError(error: unknown, context: object): void };
  readonly backend: {
    changed(session: Session, change: SessionChange): void;
  };
}

/** The descriptions of the clients of sessions. */
export class SessionDescriptions {
  readonly #registry: DescribingRegistry;
  readonly #texts = new WeakMap<Session, string>();

  constructor(registry: DescribingRegistry) {
    this.#registry = registry;
  }

  /** Returns the description of a session that was made or logged in to here. */
  of(session: Session): string | undefined {
    return this.#texts.get(session);
  }

  /** Keeps the description of the client of a request with its session. */
  keep(session: Session, request: RequestFacts): void {
    const { options, site } = this.#registry;
    if (options.describe === undefined) return;
    callGuarded(() => {
      const text: unknown = options.describe!(request);
      if (typeof text !== "string") {
        throw new TypeError(
          `Cannot describe a session: the text is not a string: ${
            describe(text)
          }`,
        );
      }
      const description = text.slice(0, MAX_LENGTH);
      this.#texts.set(session, description);
      this.#registry.backend.changed(session, {
        kind: "description",
        description,
      });
    }, (error) => site.reportError(error, { session, request }));
  }
}
