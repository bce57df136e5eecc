import { describe } from "../base/describe.ts";
import { callGuarded } from "../base/promises.ts";
import type { Session, SessionChange } from "../session.ts";
import type { RequestFacts } from "./sessions_options.ts";

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
