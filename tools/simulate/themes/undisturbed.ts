import type { Life } from "../host.ts";
import type { ModelWorld } from "../model.ts";

/** Milliseconds after which a process has asked its store again. */
const PROBED = 4000;

/** Milliseconds within which a change elsewhere is seen. */
const BOUND = 1000;

/** Milliseconds that timers and blocked event loops may add. */
const SLACK = 50;

/** Milliseconds within which a process that nothing disturbs sees a change. */
export const LATEST_NEWS: number = BOUND + SLACK;

/** Whether a process has heard of all changes in time, between two times. */
export function isUndisturbed(
  world: ModelWorld,
  { life, from, at }: {
    readonly life: Life;
    readonly from: number;
    readonly at: number;
  },
): boolean {
  const { lost, slow } = world.plan.rates;
  // A process that could not reach its store tries again after some seconds.
  const hasLost = world.wire.losses.some((loss) =>
    loss.life === life && loss.at >= from - PROBED && loss.at <= at
  );
  // A handler or a callback that blocks a process keeps its news back, too.
  const wasBlocked = life.host.blocks.some((block) =>
    block.from <= at && block.to >= from
  );
  return lost + slow === 0 && !life.host.hadTrouble(from - BOUND, at) &&
    !hasLost && !wasBlocked && !world.truth.clock.wasSet(from - BOUND, at);
}
