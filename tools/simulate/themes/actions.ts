import type { Life } from "../host.ts";
import type { ProgramWorld } from "../program.ts";
import { create, end, list, watch } from "./background_actions.ts";
import type { Actor, After } from "./actor.ts";
import type { ThemeAction } from "./themes.ts";
import { hold, lease, registerFree, release } from "./hold_actions.ts";
import { changeAbsolute, changeTimeout, remember } from "./timeout_actions.ts";
import { append, push } from "./inner_actions.ts";
import { observe } from "./presence_actions.ts";
import { registerWarn, warn } from "./warning_actions.ts";
import { replace, takeBack, update } from "./value_actions.ts";

const ACTIONS: Readonly<Record<ThemeAction, (actor: Actor) => After>> = {
  update,
  replace,
  "take-back": takeBack,
  watch,
  create,
  end,
  list,
  hold,
  release,
  lease,
  warn,
  timeout: changeTimeout,
  push,
  append,
  remember,
  absolute: changeAbsolute,
};

/** Does the first part of an action of a theme; returns the second one. */
export function beginAction(action: ThemeAction, actor: Actor): After {
  return ACTIONS[action](actor);
}

/**
 * Registers the callbacks of all themes in a program.
 *
 * @param trying Throws sometimes.
 */
export function registerCallbacks(
  life: Life,
  world: ProgramWorld,
  trying: (call: string) => void,
): void {
  registerFree(life, world, trying);
  registerWarn(life, world, trying);
  if (world.plan.awayAfter !== undefined) observe(life, world, trying);
}
