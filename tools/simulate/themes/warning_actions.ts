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
    const act = { life, uid, at, name, expiresAt, isByName: true };
    world.onAct({ kind: "warned", ...act });
  });
}

/** Has the session warned before its end, by name or by a function. */
export function warn(actor: Actor): After {
  const { ask, life, world } = actor;
  const { choice } = ask.step;
  const isByName = choice * 10 % 1 < 0.7;
  const session = actor.get();
  return actor.soonOrLate(() => {
    const { uid } = session;
    const lead = 0.6 + 1.8 * choice;
    if (isByName) session.notifyBeforeEnd(lead, WARN, ask.name);
    else {
      session.notifyBeforeEnd(lead, ({ expiresAt }) => {
        if (!life.isAlive) return;
        const at = life.host.now;
        const { name } = ask;
        world.say(`${life.name} warns ${name} of ${world.nameOf(uid)} here`);
        const act = { life, uid, at, name, expiresAt, isByName };
        world.onAct({ kind: "warned", ...act });
      });
    }
    const at = life.host.now;
    const act = { ask, life, uid, at, lead: lead * 1000, isByName };
    world.onAct({ kind: "warn", ...act });
    return undefined;
  });
}
