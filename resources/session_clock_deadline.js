/**
 * Counts the seconds until a deadline. The text of this function runs in browsers,
 * so it cannot use anything outside of it.
 *
 * The elapsed time is the longer one by `performance.now()` and `Date.now()`. The
 * first stands still while some machines sleep, and the second can be set back. If
 * they disagree, the machine slept or the clock was set. Then the server should be
 * asked, which has a second to answer before the longer time is used.
 */
export function countDown() {
  // Milliseconds: by which the two clocks may disagree, and that the server has to
  // answer after a sleep.
  const LIMIT = 1000;

  /** The deadline: so many seconds after these times of both clocks. */
  let length = Infinity;
  let since = { steady: 0, wall: 0 };
  /** The difference of the two clocks. */
  let offset = 0;
  /** The time until which the wall clock is ignored, since the server is asked. */
  let wakeUntil = 0;

  const steady = () => performance.now();

  const left = () => {
    const byWall = steady() < wakeUntil ? 0 : Date.now() - since.wall;
    return length - Math.max(steady() - since.steady, byWall) / 1000;
  };

  /** Sets the seconds that were left some milliseconds ago. */
  const set = (seconds, age) => {
    length = seconds;
    since = { steady: steady() - age, wall: Date.now() - age };
  };

  /** Begins to compare the clocks. */
  const begin = () => void (offset = Date.now() - steady());

  /** Notices that the machine slept, or that its clock was set: ask the server. */
  const hasJumped = () => {
    const jump = Date.now() - steady() - offset;
    offset += jump;
    if (Math.abs(jump) < LIMIT) return false;
    if (jump < 0) since.wall += jump;
    wakeUntil = steady() + LIMIT;
    return true;
  };

  /** Goes by both clocks again: the server has answered, or cannot be reached. */
  const trust = () => void (wakeUntil = 0);

  return { left, set, begin, hasJumped, trust };
}
