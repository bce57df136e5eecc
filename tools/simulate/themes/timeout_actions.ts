import type { Actor, After } from "./actor.ts";

/** Gives the session another timeout. */
export function changeTimeout(actor: Actor): After {
  const { ask, life, world } = actor;
  const session = actor.get();
  return actor.soonOrLate(() => {
    // The digits name the request.
    const timeout = 1500 + 500 * Math.floor(ask.step.choice * 12) +
      Number(ask.name.slice(1));
    session.sessionTimeout = timeout / 1000;
    ask.timeout = timeout;
    const { uid } = session;
    const at = life.host.now;
    world.onAct({ kind: "timeout", ask, life, uid, at, timeout });
    world.say(
      `${ask.name} sets the timeout of ${world.nameOf(uid)} to ${timeout}`,
    );
    return undefined;
  });
}
