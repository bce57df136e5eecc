import { type Entry, type OnDue, type Queue, SLICE } from "./queue.ts";

interface LaneEntry extends Entry {
  readonly timeout: number;
  deadline: number;
}

/**
 * A Map for each timeout, in the order of the deadlines. A touch deletes the entry
 * and adds it at the end.
 */
export class Lanes implements Queue {
  readonly #onDue: OnDue;
  readonly #lanes = new Map<number, Map<number, LaneEntry>>();

  constructor(onDue: OnDue) {
    this.#onDue = onDue;
  }

  add(index: number, timeout: number, now: number): LaneEntry {
    const entry: LaneEntry = { index, timeout, deadline: now + timeout };
    this.#laneOf(timeout).set(index, entry);
    return entry;
  }

  touch(entry: LaneEntry, now: number): void {
    const lane = this.#laneOf(entry.timeout);
    entry.deadline = now + entry.timeout;
    lane.delete(entry.index);
    lane.set(entry.index, entry);
  }

  remove(entry: LaneEntry): void {
    this.#laneOf(entry.timeout).delete(entry.index);
  }

  due(): number {
    const began = Date.now();
    let now = began;
    let next = Infinity;
    for (const lane of this.#lanes.values()) {
      for (const entry of lane.values()) {
        if (entry.deadline > now) {
          next = Math.min(next, entry.deadline);
          break;
        }
        if (now - began >= SLICE) return now;
        lane.delete(entry.index);
        this.#onDue(entry.index);
        now = Date.now();
      }
    }
    return next;
  }

  #laneOf(timeout: number): Map<number, LaneEntry> {
    let lane = this.#lanes.get(timeout);
    if (lane === undefined) this.#lanes.set(timeout, lane = new Map());
    return lane;
  }
}
