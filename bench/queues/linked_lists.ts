import { type Entry, type OnDue, type Queue, SLICE } from "./queue.ts";

/** An entry, or the head of the ring of all entries with one timeout. */
class Link implements Entry {
  readonly index: number;
  readonly timeout: number;
  deadline: number;
  previous: Link = this;
  next: Link = this;

  constructor(index: number, timeout: number, deadline: number) {
    this.index = index;
    this.timeout = timeout;
    this.deadline = deadline;
  }
}

/**
 * A linked list for each timeout, in the order of the deadlines. A touch moves the
 * entry to the tail. The entries hold the links.
 */
export class LinkedLists implements Queue {
  readonly #onDue: OnDue;
  readonly #heads = new Map<number, Link>();

  constructor(onDue: OnDue) {
    this.#onDue = onDue;
  }

  add(index: number, timeout: number, now: number): Link {
    const link = new Link(index, timeout, now + timeout);
    linkBefore(this.#headOf(timeout), link);
    return link;
  }

  touch(link: Link, now: number): void {
    link.deadline = now + link.timeout;
    unlink(link);
    linkBefore(this.#headOf(link.timeout), link);
  }

  remove(link: Link): void {
    unlink(link);
  }

  due(): number {
    const began = Date.now();
    let now = began;
    let next = Infinity;
    for (const head of this.#heads.values()) {
      while (head.next !== head) {
        const link = head.next;
        if (link.deadline > now) {
          next = Math.min(next, link.deadline);
          break;
        }
        if (now - began >= SLICE) return now;
        unlink(link);
        this.#onDue(link.index);
        now = Date.now();
      }
    }
    return next;
  }

  #headOf(timeout: number): Link {
    let head = this.#heads.get(timeout);
    if (head === undefined) {
      this.#heads.set(timeout, head = new Link(-1, timeout, Infinity));
    }
    return head;
  }
}

function linkBefore(head: Link, link: Link): void {
  const last = head.previous;
  last.next = link;
  link.previous = last;
  link.next = head;
  head.previous = link;
}

function unlink(link: Link): void {
  link.previous.next = link.next;
  link.next.previous = link.previous;
  link.previous = link.next = link;
}
