import type { Session } from "../../../session.ts";
import { KEYS } from "../keys.ts";
import type { Actor, After } from "./actor.ts";

/** The most milliseconds between two looks. */
const PAUSE = 700;

/** The most looks at a session. */
const LOOKS = 12;

/** Looks at the session for a while, without a request. */
export function watch(actor: Actor): After {
  const { ask, life, world } = actor;
  const session = actor.get();
  const { choice } = ask.step;
  // Listeners are not needed for what promise 19 says, while the session lives here.
  if (choice > 0.7) session.notifyOnExpire(() => {});
  let looks = 0;
  const again = () => {
    if (++looks > LOOKS * choice) return;
    const pause = PAUSE * world.draw(`${ask.name} pause ${looks}`);
    life.clock.setTimeout(next, pause);
  };
  const next = () => {
    if (!session.isActive) return;
    const isReloading = world.draw(`${ask.name} reload ${looks}`) < 0.5;
    if (!isReloading) {
      look(actor, session, undefined);
      return again();
    }
    const from = life.host.now;
    // A store that is away is not what is looked at here.
    session.reload().then(() => look(actor, session, from), () => {})
      .then(again);
  };
  return () => {
    again();
    return undefined;
  };
}

function look(
  { life, world }: Actor,
  session: Session,
  reloadedAt: number | undefined,
): void {
  if (!session.isActive) return;
  const { uid, principal } = session;
  // Promise 19 is about live sessions. A process forgets a session without listeners
  // and streams when another process has prolonged it; reload() still loads it.
  const isLive = life.sessions.get(uid) === session;
  if (!isLive && reloadedAt === undefined) return;
  const values = new Map<string, unknown>();
  for (const key of KEYS) {
    const value: unknown = session.get(key);
    if (value !== undefined) values.set(key, value);
  }
  const at = life.host.now;
  world.onAct({
    ...{ kind: "look", life, uid, at },
    ...{ reloadedAt, principal, values },
  });
}

/** Makes a session that no request has asked for. */
export function create(actor: Actor): After {
  const { ask, life } = actor;
  if (ask.step.isHead) return () => undefined;
  const session = life.sessions.create();
  ask.got = { uid: session.uid, at: life.host.now };
  actor.set(session);
  return () => undefined;
}

/** Ends a session by its uid, which may live in other processes only. */
export function end({ ask, life, world }: Actor): After {
  return async () => {
    const uid = world.pickUid(ask.step.choice);
    if (uid === undefined) return new Response(null);
    const from = life.host.now;
    ask.left = { uid, at: from };
    world.say(`${ask.name} ends ${world.nameOf(uid)}`);
    const hasEnded = await life.sessions.end(uid);
    const at = life.host.now;
    world.onAct({ kind: "end", life, uid, at, from, hasEnded });
    return new Response(null);
  };
}

/** Lists the sessions of a principal. */
export function list({ ask, life, world }: Actor): After {
  return async () => {
    const from = life.host.now;
    const { principal } = ask.step;
    const uids = (await life.sessions.list(principal)).map(({ uid }) => uid);
    const at = life.host.now;
    world.onAct({ kind: "list", life, uid: "", at, from, principal, uids });
    return new Response(null);
  };
}
