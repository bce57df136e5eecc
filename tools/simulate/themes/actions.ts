import { create, end, list, watch } from "./background_actions.ts";
import type { Actor, After } from "./actor.ts";
import type { ThemeAction } from "./themes.ts";
import { replace, takeBack, update } from "./value_actions.ts";

const ACTIONS: Readonly<Record<ThemeAction, (actor: Actor) => After>> = {
  update,
  replace,
  "take-back": takeBack,
  watch,
  create,
  end,
  list,
};

/** Does the first part of an action of a theme; returns the second one. */
export function beginAction(action: ThemeAction, actor: Actor): After {
  return ACTIONS[action](actor);
}
