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
    const act = { ask, life, uid, at, isFirst, isUpdate: false };
    world.onAct({ kind: "push", ...act });
    world.say(
      `${ask.name} ${isFirst ? "begins" : "adds to"} the list of ${
        world.nameOf(uid)
      }`,
    );
    return undefined;
  });
}

/** Adds the name of the request to the list in one step. */
export function append(actor: Actor): After {
  const { ask, life, world } = actor;
  const session = actor.get();
  return async () => {
    const { uid } = session;
    const at = life.host.now;
    const act = { ask, life, uid, at, isFirst: false, isUpdate: true };
    world.onAct({ kind: "push", ...act });
    world.say(`${ask.name} appends to the list of ${world.nameOf(uid)}`);
    const add = (list: string[] = []) => [...list, ask.name];
    await session.update<string[]>(LIST, add);
    return new Response(null);
  };
}
