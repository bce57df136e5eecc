import { Session, type SessionComponent } from "../session.ts";

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
    `Cannot get the session as a ${type.name}: the sessionFactory makes a ${session.constructor.name}`,
  );
}
