/**
 * The contests against handwritten servers and the peers.
 *
 * @module
 */

import { comparable, cookieOf, fetchPage } from "./fetch_page.ts";
import type { Contender, Contest, Rehearsal } from "./measure.ts";
import { onDeno } from "./programs.ts";
import type { LoadRequest } from "./wrk.ts";

/** The baseline: the least that a server with several pages can do. */
const FLOOR: Contender = {
  name: "routing by hand",
  program: onDeno("programs/routing_by_hand.ts"),
};

/** A handler that looks at nothing in the request. */
const BARE_HELLO: Contender = {
  name: "Deno.serve, bare",
  program: onDeno("programs/bare_hello.ts"),
  isTwin: true,
};

/** Sessions by a handler that looks at nothing but the cookie. */
const BARE_SESSIONS: Contender = {
  name: "sessions, no routing",
  program: onDeno("programs/bare_sessions.ts"),
  isTwin: true,
};

const CURFEW: Contender = {
  name: "Curfew",
  program: onDeno("programs/curfew_pages.ts"),
  isTwin: true,
};

/** Paths that a server in the mixed mode serves beside sessions. */
const OTHER_PATHS = [
  "/hello",
  "/later",
  "/bytes",
  "/data",
  "/missing",
  "/new",
];

/** A contest of Curfew against a baseline; its name selects the peers. */
export type PeersOf = (contest: string) => readonly Contender[];

/** Returns the contests; each one has the baseline against itself too. */
export function contests(peersOf: PeersOf): Contest[] {
  const hello = {
    title: "A client requests a page, without a session",
    rehearse: rehearseHello,
  };
  const session = {
    title:
      "A client returns: the session is found by its cookie and touched, and a counter is sent",
    rehearse: rehearseSession,
  };
  const made = {
    title: "Every request makes a session and sets its cookie",
    rehearse: rehearseNew,
  };
  return [
    { name: "hello", ...hello, bare: BARE_HELLO },
    { name: "session", ...session, bare: BARE_SESSIONS },
    { name: "new", ...made, bare: BARE_SESSIONS },
    { name: "mixed-hello", ...mixed(hello) },
    { name: "mixed-session", ...mixed(session) },
    { name: "mixed-new", ...mixed(made) },
  ].map((contest) => ({
    ...contest,
    baseline: FLOOR,
    contenders: [
      again(FLOOR),
      ...("bare" in contest ? [contest.bare] : []),
      CURFEW,
      ...peersOf(contest.name),
    ],
  }));
}

/** Returns the task for servers that have served pages of all kinds before. */
function mixed<T extends Pick<Contest, "title">>(
  task: T,
): T & Pick<Contest, "mix"> {
  return {
    ...task,
    title: `${task.title}; pages of all kinds were served before`,
    mix,
  };
}

/** Returns the baseline as a contender: the difference to itself is noise. */
export function again(baseline: Contender): Contender {
  return { ...baseline, name: "the same again (A/A)" };
}

/** Returns the requests of the mixed load, a returning client among them. */
async function mix(origin: string): Promise<LoadRequest[]> {
  const first = await fetchPage(origin, { path: "/new" }, "hello");
  return [
    ...OTHER_PATHS.map((path) => ({ path })),
    { path: "/count", cookie: cookieOf(first) },
  ];
}

async function rehearseHello(origin: string): Promise<Rehearsal> {
  const visit = { path: "/hello" };
  const headers = await fetchPage(origin, visit, "hello");
  if (headers.has("set-cookie")) throw new Error("it sets a cookie");
  return { visits: [visit], headers: comparable(headers) };
}

async function rehearseSession(origin: string): Promise<Rehearsal> {
  const first = await fetchPage(origin, { path: "/new" }, "hello");
  const visit = { path: "/count", cookie: cookieOf(first) };
  await fetchPage(origin, visit, "1");
  const headers = await fetchPage(origin, visit, "2");
  if (headers.get("cache-control") === null) {
    throw new Error("a cache may store the page");
  }
  return { visits: [visit], headers: comparable(headers) };
}

async function rehearseNew(origin: string): Promise<Rehearsal> {
  const visit = { path: "/new" };
  const first = await fetchPage(origin, visit, "hello");
  const headers = await fetchPage(origin, visit, "hello");
  if (cookieOf(first) === cookieOf(headers)) {
    throw new Error("two clients get the same cookie");
  }
  if (headers.get("cache-control") !== "no-store") {
    throw new Error("a cache may store the cookie");
  }
  return { visits: [visit], headers: comparable(headers) };
}
