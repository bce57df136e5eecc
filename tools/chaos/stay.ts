/** What a visitor knows of a session; times are UNIX milliseconds. */
export class Stay {
  readonly uid: string;
  /** It was touched then or later: when the last visit was sent that came through. */
  touchedAfter: number;
  /** It was touched then at the latest: when the last visit was answered, or given up. */
  touchedBefore: number;
  /** When the logout was sent, if it was. */
  leftAt: number | undefined = undefined;
  /** Whether the logout was answered. */
  hasLeft = false;
  /** When a visit was sent that came through after the logout had. */
  wasRevivedAt: number | undefined = undefined;
  /** The counter in it, as it was seen last. */
  count = 0;

  constructor(
    uid: string,
    visit: { readonly sentAt: number; readonly answeredAt: number },
  ) {
    this.uid = uid;
    this.touchedAfter = visit.sentAt;
    this.touchedBefore = visit.answeredAt;
  }

  /** A visit has come through. */
  noteVisit(
    path: string,
    visit: { readonly sentAt: number; readonly answeredAt: number },
  ): void {
    if (!isTouch(path)) return;
    this.touchedAfter = Math.max(this.touchedAfter, visit.sentAt);
    this.touchedBefore = Math.max(this.touchedBefore, visit.answeredAt);
  }

  /** A visit may have come through. */
  noteMaybe(path: string, now: number): void {
    if (isTouch(path)) this.touchedBefore = Math.max(this.touchedBefore, now);
  }

  /** The counter was seen; answers what is wrong with it. */
  noteCount(text: string | undefined): string | undefined {
    const count = Number(text);
    if (!Number.isInteger(count)) return undefined;
    const before = this.count;
    this.count = count;
    return count > before
      ? undefined
      : `session ${this.uid} has forgotten: it counted ${before}, then ${count}`;
  }
}

function isTouch(path: string): boolean {
  return path !== "who" && path !== "leave";
}
