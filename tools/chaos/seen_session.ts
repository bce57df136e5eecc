/** A session as its client sees it; times are UNIX milliseconds. */
export class SeenSession {
  readonly uid: string;
  /** The earliest time of the last touch: the last successful request was sent. */
  touchedAfter: number;
  /** The latest time of the last touch: the last request was answered or failed. */
  touchedBefore: number;
  /** The time at which the logout was sent. */
  leftAt: number | undefined = undefined;
  /** Whether the logout got its response. */
  hasLeft = false;
  /** The time of a request that found the session after the logout's response. */
  revivedAt: number | undefined = undefined;
  /** The counter in the last response. */
  count = 0;

  constructor(
    uid: string,
    request: { readonly sentAt: number; readonly answeredAt: number },
  ) {
    this.uid = uid;
    this.touchedAfter = request.sentAt;
    this.touchedBefore = request.answeredAt;
  }

  /** Records a request that succeeded. */
  recordVisit(
    path: string,
    request: { readonly sentAt: number; readonly answeredAt: number },
  ): void {
    if (!isTouch(path)) return;
    this.touchedAfter = Math.max(this.touchedAfter, request.sentAt);
    this.touchedBefore = Math.max(this.touchedBefore, request.answeredAt);
  }

  /** Records a request that may have succeeded. */
  recordUncertain(path: string, now: number): void {
    if (isTouch(path)) this.touchedBefore = Math.max(this.touchedBefore, now);
  }

  /** Records the counter; returns a sentence if it is wrong. */
  recordCount(text: string | undefined): string | undefined {
    const count = Number(text);
    if (!Number.isInteger(count)) return undefined;
    const before = this.count;
    this.count = count;
    return count > before
      ? undefined
      : `session ${this.uid} has lost a value: it counted ${before}, then ${count}`;
  }
}

function isTouch(path: string): boolean {
  return path !== "who" && path !== "leave";
}
