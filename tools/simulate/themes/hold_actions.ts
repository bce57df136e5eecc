import type { Hold } from "../../../sessions.ts";
import type { Life } from "../host.ts";
import type { ProgramWorld } from "../program.ts";
import type { Actor, After } from "./actor.ts";

/** The name of the callback of holds. */
const FREE = "free";

/** Registers the callback that is called when a hold ends without a release. */
export function registerFree(
  life: Life,
  world: ProgramWorld,
  trying: (call: string) => void,
): void {
  life.sessions.onEnd(FREE, (argument, end) => {
    if (!life.isAlive) return;
    trying(`free ${argument}`);
    const { uid, reason, hold } = end;
    const { key, fence } = hold!;
    const at = life.host.now;
    world.say(`${life.name} frees ${key} of ${argument}: ${reason}`);
    world.onAct({ kind: "free", life, uid, at, key, fence });
  });
}

/** Holds a key for the session of the request. */
export function hold(actor: Actor): After {
  const { ask } = actor;
  const session = actor.get();
  const { choice, key } = ask.step;
  const seconds = choice < 0.5 ? 0.5 + 7 * choice : Infinity;
  return async () => {
    const { uid } = session;
    const options = { seconds, ...callbackOf(actor) };
    note(actor, uid, await session.hold(key, options));
    return new Response(null);
  };
}

/** Releases the hold of the session. */
export function release(actor: Actor): After {
  const { ask, life, world } = actor;
  const session = actor.get();
  const { key } = ask.step;
  return async () => {
    const { uid } = session;
    const isReleased = await session.release(key);
    world.say(`${ask.name} releases ${key}: ${isReleased}`);
    const at = life.host.now;
    if (isReleased) world.onAct({ kind: "release", life, uid, at, key });
    return new Response(null);
  };
}

/** Holds a key without a session, and goes on without a request. */
export function lease(actor: Actor): After {
  const { ask, life } = actor;
  const { choice, key } = ask.step;
  return async () => {
    const seconds = 0.5 + 4 * choice;
    const options = { seconds, ...callbackOf(actor) };
    const held = await life.sessions.hold(key, options);
    note(actor, undefined, held);
    if (held !== undefined) goOn(actor, held, 1);
    return new Response(null);
  };
}

/** Renews a hold, releases it, or leaves it. */
function goOn(actor: Actor, held: Hold, round: number): void {
  const { ask, life, world } = actor;
  const name = `${ask.name} lease ${round}`;
  const what = world.draw(name);
  const pause = 1000 * (0.2 + 3 * world.draw(`${name} pause`));
  if (what < 0.3 || round > 4) return;
  const { key } = held;
  const act = async () => {
    if (what > 0.6) {
      const renewed = await held.renew();
      note(actor, undefined, renewed);
      if (renewed !== undefined) goOn(actor, renewed, round + 1);
      return;
    }
    const isReleased = await held.release();
    world.say(`${ask.name} releases ${key}: ${isReleased}`);
    const at = life.host.now;
    if (isReleased) world.onAct({ kind: "release", life, uid: "", at, key });
  };
  // A store that is away answers by an error; the hold ends by itself then.
  life.clock.setTimeout(() => void act().catch(() => {}), pause);
}

function callbackOf({ ask }: Actor) {
  return ask.step.choice * 10 % 1 < 0.7
    ? { then: FREE, argument: ask.name }
    : {};
}

function note(
  { ask, life, world }: Actor,
  holder: string | undefined,
  held: Hold | undefined,
): void {
  const of = holder === undefined ? "" : ` for ${world.nameOf(holder)}`;
  if (held === undefined) {
    return world.say(`${ask.name} finds ${ask.step.key} held${of}`);
  }
  const { key, fence, expiresAt } = held;
  world.say(`${ask.name} holds ${key}${of}`);
  const at = life.host.now;
  const uid = holder ?? "";
  world.onAct({ kind: "hold", life, uid, at, key, fence, expiresAt });
}
