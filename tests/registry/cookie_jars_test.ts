// Cookie headers with tokens of all kinds, in any order and number, against a
// description of the rules in a few lines.

import { assert, assertEquals } from "@std/assert";
import { MemoryStore } from "../../stores/memory_store.ts";
import { type Door, Stage, uidIn } from "../helpers_visits.ts";

/** A generator of numbers that are the same in each run (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

interface Token {
  readonly value: string;
  /** The session that it opens, and how; undefined if it opens none. */
  readonly opens: string | undefined;
  /** Whether the server knows it, though it may open nothing. */
  readonly isRecognized: boolean;
  /** Whether it has the form of a token. */
  readonly isFormed: boolean;
}

/** Makes tokens of every kind, of three sessions. */
function makeTokens(it: Stage): Token[] {
  const tokens: Token[] = [];
  const add = (
    cookie: string,
    opens: string | undefined,
    isRecognized = opens !== undefined,
    isFormed = true,
  ) =>
    tokens.push({
      value: cookie.slice("session=".length),
      opens,
      isRecognized,
      isFormed,
    });
  const [one, two, three] = [it.enter(), it.enter(), it.enter()];
  // The first session has a current and a previous token.
  const renewed = it.run(one, (visit) => visit.renewSession()).cookie;
  it.peek(renewed);
  add(renewed, uidIn(one));
  add(one, uidIn(one));
  // The second has one, and a token that a login has superseded.
  const alice = it.run(two, (visit) => visit.logIn("alice")).cookie;
  add(alice, uidIn(two));
  add(two, undefined, true);
  // The third has ended.
  it.run(three, (visit) => visit.logOut());
  add(three, undefined);
  add(`session=${"0".repeat(64)}`, undefined);
  // Halves of two tokens, and half of one.
  add(renewed.slice(0, -32) + alice.slice(-32), undefined);
  add(alice.slice(0, -32) + renewed.slice(-32), undefined);
  for (
    const text of [
      alice.slice(0, -32),
      alice.slice(-32),
      alice.toUpperCase().replace("SESSION=", "session="),
      `${alice}0`,
      alice.slice(0, -1),
      `"${alice.slice(8)}"`,
      "",
      "\u00a0",
      `${alice.slice(8)}\u00a0`,
    ]
  ) {
    add(
      text.startsWith("session=") ? text : `session=${text}`,
      undefined,
      false,
      false,
    );
  }
  return tokens;
}

/** Says what the rules make of the tokens of a request. */
function judge(sent: readonly Token[]): {
  sees: string | undefined;
  isConflict: boolean;
  isRecognized: boolean;
} {
  const formed = sent.filter(({ isFormed }) => isFormed);
  const different = formed.filter(({ value }, at) =>
    formed.findIndex((other) => other.value === value) === at
  );
  const tried = different.slice(0, 4);
  const opened = new Set(tried.map(({ opens }) => opens).filter(Boolean));
  return {
    sees: opened.size === 1 ? [...opened][0] : undefined,
    isConflict: opened.size > 1,
    isRecognized: tried.some(({ isRecognized }) => isRecognized),
  };
}

const SEPARATORS = ["; ", ";", " ;\t", ";;", "; other=1; "];

for (const door of ["Site", "Sessions"] as Door[]) {
  for (const kind of ["in memory", "over a store"]) {
    Deno.test(`Cookies in any order and number open what the rules say, by ${door} ${kind}`, () => {
      const random = randomOf(7);
      const counts = { sees: 0, conflicts: 0, transient: 0, begins: 0 };
      for (let round = 0; round < 40; round++) {
        using it = new Stage(
          door,
          kind === "in memory" ? {} : { store: new MemoryStore() },
        );
        const tokens = makeTokens(it);
        for (let turn = 0; turn < 25; turn++) {
          const sent = Array.from(
            { length: 1 + random(7) },
            () => tokens[random(tokens.length)]!,
          );
          const header = sent.map(({ value }) => `session=${value}`)
            .reduce((all, next) => all + SEPARATORS[random(5)] + next);
          const { sees, isConflict, isRecognized } = judge(sent);
          const before = it.suspicions.length;
          const size = it.sessions.size;

          const peeked = it.run(header, (visit) => visit.session?.uid);

          assertEquals(peeked.value, sees, header);
          assertEquals(peeked.cookies, []);
          const reported = it.suspicions.slice(before);
          assertEquals(reported.includes("several-cookies"), isConflict);

          const got = it.run(header, (visit) => visit.getSession().uid);

          const begins = !isRecognized;
          assertEquals(got.cookies.length, begins ? 1 : 0, header);
          assertEquals(it.sessions.size, begins ? size + 1 : size);
          if (sees !== undefined) {
            assertEquals(got.value, sees);
            counts.sees++;
          } else if (isConflict) counts.conflicts++;
          else if (isRecognized) counts.transient++;
          else counts.begins++;
          if (sees === undefined) {
            assert(!tokens.some(({ opens }) => opens === got.value));
          }
          // What has begun is no part of the next turn.
          if (begins) it.sessions.get(got.value!)!.expire();
        }
        assertEquals(it.errors.all, []);
      }
      assert(Math.min(...Object.values(counts)) > 50, JSON.stringify(counts));
    });
  }
}
