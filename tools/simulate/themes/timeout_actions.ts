import type { Ask } from "../ask.ts";
import type { TimeoutName } from "./act.ts";
import type { Actor, After } from "./actor.ts";

/** Gives the session another timeout. */
export function changeTimeout(actor: Actor): After {
  return change(actor, "sessionTimeout");
}

/** Gives the session another absolute timeout. */
export function changeAbsolute(actor: Actor): After {
  return change(actor, "absoluteTimeout");
}

/** Logs in so that the browser keeps the cookie. */
export function remember(actor: Actor): After {
  const { ask, visit, life } = actor;
  return actor.soonOrLate(() => {
    const timeout = timeoutFor(ask);
    const { principal } = ask.step;
    const { uid } = visit.logIn(principal, { remember: timeout / 1000 });
    ask.got = ask.loggedIn = { uid, at: life.host.now };
    note(actor, uid, "sessionTimeout", timeout);
    return undefined;
  });
}

function change(actor: Actor, of: TimeoutName): After {
  const session = actor.get();
  return actor.soonOrLate(() => {
    const timeout = timeoutFor(actor.ask) * (of === "sessionTimeout" ? 1 : 2);
    session[of] = timeout / 1000;
    note(actor, session.uid, of, timeout);
    return undefined;
  });
}

/** Returns milliseconds whose digits name the request. */
function timeoutFor({ step: { choice }, name }: Ask): number {
  return 1500 + 500 * Math.floor(choice * 12) + Number(name.slice(1));
}

function note(
  { ask, life, world }: Actor,
  uid: string,
  of: TimeoutName,
  timeout: number,
): void {
  ask[of === "sessionTimeout" ? "timeout" : "absolute"] = timeout;
  const at = life.host.now;
  world.onAct({ kind: "timeout", ask, life, uid, at, of, timeout });
  const what = of === "sessionTimeout" ? "timeout" : of;
  world.say(
    `${ask.name} sets the ${what} of ${world.nameOf(uid)} to ${timeout}`,
  );
}
