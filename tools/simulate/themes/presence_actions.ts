import type { Life } from "../host.ts";
import type { ProgramWorld } from "../program.ts";

/**
 * Has a program told of the presence of visitors.
 *
 * @param trying Throws sometimes.
 */
export function observe(
  life: Life,
  world: ProgramWorld,
  trying: (call: string) => void,
): void {
  life.sessions.onPresence(({ principal, state }) => {
    if (!life.isAlive) return;
    trying(`notice ${principal} ${state}`);
    world.say(`${life.name} notices ${principal} ${state}`);
    const at = life.host.now;
    world.onAct({ kind: "presence", life, uid: "", at, principal, state });
  });
}
