import { randomId } from "../base/ids.ts";
import { Resource, type Session, Site } from "../mod.ts";
import { OWNER } from "../session/internals.ts";
import type { Candidate, Comparison } from "./inprocess_compare.ts";
import { shuffle } from "./shuffle.ts";

/** Sessions to touch in one run. */
const TOUCHES = 10_000;

/** Sessions to make in one run. */
const MADE = 10_000;

/** The default timeout of sessions, in milliseconds. */
const TIMEOUT = 900_000;

/** The minimal data of a session. */
interface Entry {
  readonly uid: string;
  readonly secret: string;
  deadline: number;
}

function makeEntry(entries: Map<string, Entry>): Entry {
  const entry = {
    uid: randomId(),
    secret: randomId(),
    deadline: Date.now() + TIMEOUT,
  };
  entries.set(entry.uid, entry);
  return entry;
}

/** Compares a touch with storing a number; both are found in a Map by uid. */
export function touchFound(count: number): Comparison {
  const site = new Site(new Resource());
  const found = site.sessions[OWNER].sessions;
  const entries = new Map<string, Entry>();
  for (let i = 0; i < count; i++) {
    const { uid } = site.makeSession();
    entries.set(uid, { ...makeEntry(new Map()), uid });
  }
  const uids = shuffle([...entries.keys()]);
  return {
    title: `Find and touch one of ${count.toLocaleString("en")}, random order`,
    times: TOUCHES,
    bar: barOf(count),
    candidates: [
      inTurns("find, store the deadline", uids, (uid) => {
        entries.get(uid)!.deadline = Date.now() + TIMEOUT;
      }),
      // As a request finds it: the public Map also checks the deadline.
      inTurns("find, Session.touch()", uids, (uid) => {
        found.get(uid)!.touch();
      }),
    ],
  };
}

/** Compares a touch with storing a number, without a Map. */
export function touchKnown(count: number): Comparison {
  const site = new Site(new Resource());
  const sessions: Session[] = [];
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    sessions.push(site.makeSession());
    entries.push(makeEntry(new Map()));
  }
  return {
    title: `Touch one of ${count.toLocaleString("en")} at hand, random order`,
    times: TOUCHES,
    candidates: [
      inTurns("store the deadline", shuffle(entries), (entry) => {
        entry.deadline = Date.now() + TIMEOUT;
      }),
      inTurns("Session.touch()", shuffle(sessions), (session) => {
        session.touch();
      }),
    ],
  };
}

/** The highest allowed ratios by size; a small Map fits into the CPU's cache. */
function barOf(count: number): number {
  return count <= 10_000 ? 1.5 : 1.3;
}

/** Calls a function with the next items in each run, in a circle. */
function inTurns<T>(
  name: string,
  items: readonly T[],
  act: (item: T) => void,
): Candidate {
  let next = 0;
  return {
    name,
    run() {
      for (let i = 0; i < TOUCHES; i++) {
        act(items[next]!);
        if (++next === items.length) next = 0;
      }
    },
  };
}

/** Compares making sessions on a new site with making entries of a new Map. */
export function making(): Comparison {
  let entries = new Map<string, Entry>();
  let site = new Site(new Resource());
  let ids: string[] = [];
  return {
    title: `Make one of ${MADE.toLocaleString("en")}`,
    times: MADE,
    candidates: [
      {
        name: "entry of a Map",
        prepare: () => entries = new Map(),
        run() {
          for (let i = 0; i < MADE; i++) makeEntry(entries);
        },
      },
      {
        name: "session",
        prepare() {
          site[Symbol.dispose]();
          site = new Site(new Resource());
        },
        run() {
          for (let i = 0; i < MADE; i++) site.makeSession();
        },
      },
      {
        name: "the two ids only",
        prepare: () => ids = [],
        run() {
          for (let i = 0; i < 2 * MADE; i++) ids.push(randomId());
        },
      },
    ],
  };
}

/** Compares ways of making an id. */
export function ids(): Comparison {
  return {
    title: "Make an id of 128 random bits",
    times: 10_000,
    candidates: [
      makingIds("randomId()", randomId),
      makingIds("crypto.randomUUID()", () => crypto.randomUUID()),
      makingIds(
        "a draw for each id",
        () => crypto.getRandomValues(new Uint8Array(16)).toHex(),
      ),
    ],
  };
}

function makingIds(name: string, make: () => string): Candidate {
  let last = "";
  return {
    name,
    run() {
      for (let i = 0; i < 10_000; i++) last = make();
      return last;
    },
  };
}
