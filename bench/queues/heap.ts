import { type Entry, type OnDue, type Queue, SLICE } from "./queue.ts";

/** Entries to sink between two readings of the clock. */
const MOVES_PER_LOOK = 64;

interface HeapEntry extends Entry {
  readonly timeout: number;
  deadline: number;
  /** The index in the heap. */
  place: number;
}

/**
 * A binary heap with lazy deadlines. A touch writes a number, and an entry that
 * reaches the top too early sinks to its place.
 */
export class Heap implements Queue {
  readonly #onDue: OnDue;
  readonly #entries: HeapEntry[] = [];
  /** The deadlines in the heap's order, by index; they may be too early. */
  #keys = new Float64Array(16);

  constructor(onDue: OnDue) {
    this.#onDue = onDue;
  }

  add(index: number, timeout: number, now: number): HeapEntry {
    const deadline = now + timeout;
    const place = this.#entries.length;
    const entry: HeapEntry = { index, timeout, deadline, place };
    if (place === this.#keys.length) {
      const keys = new Float64Array(place * 2);
      keys.set(this.#keys);
      this.#keys = keys;
    }
    this.#put(place, entry, deadline);
    this.#rise(place);
    return entry;
  }

  touch(entry: HeapEntry, now: number): void {
    entry.deadline = now + entry.timeout;
  }

  remove(entry: HeapEntry): void {
    const { place } = entry;
    const lastPlace = this.#entries.length - 1;
    const last = this.#entries.pop()!;
    if (last === entry) return;
    this.#put(place, last, this.#keys[lastPlace]!);
    this.#rise(place);
    this.#sink(last.place);
  }

  due(): number {
    const began = Date.now();
    let now = began;
    let moves = 0;
    for (;;) {
      const first = this.#entries[0];
      if (first === undefined) return Infinity;
      if (this.#keys[0]! > now) return this.#keys[0]!;
      if (now - began >= SLICE) return now;
      if (first.deadline > now) {
        this.#keys[0] = first.deadline;
        this.#sink(0);
        if (++moves % MOVES_PER_LOOK === 0) now = Date.now();
        continue;
      }
      this.remove(first);
      this.#onDue(first.index);
      now = Date.now();
    }
  }

  #put(place: number, entry: HeapEntry, key: number): void {
    this.#entries[place] = entry;
    this.#keys[place] = key;
    entry.place = place;
  }

  #rise(from: number): void {
    const entry = this.#entries[from]!;
    const key = this.#keys[from]!;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#keys[parent]! <= key) break;
      this.#put(place, this.#entries[parent]!, this.#keys[parent]!);
      place = parent;
    }
    this.#put(place, entry, key);
  }

  #sink(from: number): void {
    const size = this.#entries.length;
    const entry = this.#entries[from]!;
    const key = this.#keys[from]!;
    let place = from;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#keys[child + 1]! < this.#keys[child]!) {
        child++;
      }
      if (this.#keys[child]! >= key) break;
      this.#put(place, this.#entries[child]!, this.#keys[child]!);
      place = child;
    }
    this.#put(place, entry, key);
  }
}
