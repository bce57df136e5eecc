const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Formats seconds in their two largest units; Infinity is `"never"`. */
export function durationText(seconds: number): string {
  if (seconds === Infinity) return "never";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return pair(whole, [MINUTE, "min"], [1, "s"]);
  if (whole < DAY) return pair(whole, [HOUR, "h"], [MINUTE, "min"]);
  return pair(whole, [DAY, "d"], [HOUR, "h"]);
}

/** Formats seconds, in milliseconds if they are below 1. */
export function delayText(seconds: number): string {
  return seconds < 1
    ? `${Math.round(seconds * 1000)} ms`
    : durationText(seconds);
}

type Unit = readonly [seconds: number, name: string];

function pair(whole: number, large: Unit, small: Unit): string {
  const rest = Math.floor((whole % large[0]) / small[0]);
  const first = `${Math.floor(whole / large[0])} ${large[1]}`;
  return rest === 0 ? first : `${first} ${rest} ${small[1]}`;
}
