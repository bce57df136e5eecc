import { isPromiseLike } from "../base/promises.ts";

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
  if (!components.has(component)) {
    const made = new component(session);
    components.set(component, made);
    // The caller may not await it, and its rejection would end the process.
    if (isPromiseLike(made)) Promise.resolve(made).catch(reporterOf(session));
  }
  return components.get(component) as T;
}

/** Returns a function that reports errors of a session. */
export function reporterOf(
  session: ReportingSession,
): (error: unknown) => void {
  return (error) => session.site.reportError(error, { session });
}
