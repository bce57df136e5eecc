import type { Session } from "../../../session.ts";
import type { Visit } from "../../../sessions.ts";
import type { Ask } from "../ask.ts";
import type { Life } from "../host.ts";
import type { ProgramWorld } from "../program.ts";

/** Does the second part of a request, after its pause. */
export type After = () => Response | Promise<Response> | undefined;

/** One request in a program, as the actions of themes use it. */
export interface Actor {
  readonly ask: Ask;
  readonly visit: Visit;
  readonly life: Life;
  readonly world: ProgramWorld;
  /** Returns the session of the request. */
  get(): Session;
  /** Acts at once, or after the pause of the request. */
  soonOrLate(act: () => undefined): After;
  /** Sets the value that a step names. */
  set(session: Session): void;
}
