import type { Life } from "../host.ts";
import type { ProgramWorld } from "../program.ts";
import type { Actor, After } from "./actor.ts";

/** The name of the callback of warnings. */
const WARN = "warn";

/** Registers the callback of warnings in a program. */
export function registerWarn(
  life: Life,
  world: ProgramWorld,
  trying: (call: string) => void,
): void {
  life.sessions.onWarning(WARN, (argument, { uid, expiresAt }) => {
    if (!life.isAlive) return;
    trying(`warn ${argument}`);
    const at = life.host.now;
    world.say(`${life.name} warns ${argument} of ${world.nameOf(uid)}`);
    const name = String(argument);
    world.onAct({ kind: "warned", life, uid, at, name, expiresAt });
  });
}

/** Has the session warned before its end. */
export function warn(actor: Actor): After {
  const { ask, life, world } = actor;
  const session = actor.get();
  return actor.soonOrLate(() => {
    const { uid } = session;
    const lead = 0.6 + 1.8 * ask.step.choice;
    session.notifyBeforeEnd(lead, WARN, ask.name);
    const at = life.host.now;
    world.onAct({ kind: "warn", ask, life, uid, at, lead: lead * 1000 });
    return undefined;
  });
}
