import { SessionKey } from "../../../session/session_key.ts";
import type { CallbackAct, UpdateAct } from "./act.ts";
import type { Actor, After } from "./actor.ts";

/** The list to which updates add the names of their requests. */
export const NAMES = new SessionKey<string[]>("names");

/** Adds the name of the request to a list, in one step. */
export function update(actor: Actor): After {
  const { ask, life, world } = actor;
  const session = actor.get();
  return async () => {
    // What waits to be written is written first.
    if (ask.step.choice < 0.3) actor.set(session);
    const { uid } = session;
    const at = life.host.now;
    const act: UpdateAct = { kind: "update", ask, life, uid, at };
    world.onAct(act);
    const add = (names: string[] = []) => [...names, ask.name];
    act.answer = ask.step.choice < 0.6
      ? await session.update(NAMES, add)
      : await session.update(NAMES.name, add);
    return new Response(null);
  };
}

/** Registers a named callback in the place of another one. */
export function replace(actor: Actor): After {
  return change(actor, false);
}

/** Takes a named callback back, whichever request has registered it. */
export function takeBack(actor: Actor): After {
  return change(actor, true);
}

function change(actor: Actor, isTakenBack: boolean): After {
  const { ask, life, world } = actor;
  const session = actor.get();
  const { key } = ask.step;
  return actor.soonOrLate(() => {
    const takeBack = session.notifyOnExpire("bill", ask.name, { key });
    if (isTakenBack) takeBack();
    const { uid } = session;
    const at = life.host.now;
    const act: CallbackAct = {
      ...{ kind: "callback", ask, life, uid, at, key, isTakenBack },
    };
    world.onAct(act);
    world.say(
      `${ask.name} ${isTakenBack ? "takes back" : "replaces"} "${key}" of ${
        world.nameOf(uid)
      }`,
    );
    return undefined;
  });
}
