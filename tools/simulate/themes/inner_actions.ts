import type { Actor, After } from "./actor.ts";

/** The key of a list that requests change inside. */
export const LIST = "list";

/** Adds the name of the request to a list that it got from the session. */
export function push(actor: Actor): After {
  const { ask, life, world } = actor;
  const session = actor.get();
  const list = session.get<string[]>(LIST);
  return actor.soonOrLate(() => {
    if (list === undefined) session.set(LIST, [ask.name]);
    else list.push(ask.name);
    const { uid } = session;
    const at = life.host.now;
    const isFirst = list === undefined;
    world.onAct({ kind: "push", ask, life, uid, at, isFirst });
    world.say(
      `${ask.name} ${isFirst ? "begins" : "adds to"} the list of ${
        world.nameOf(uid)
      }`,
    );
    return undefined;
  });
}
