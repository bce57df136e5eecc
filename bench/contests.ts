/**
 * The contests against the bare baselines and the peers.
 *
 * @module
 */

import { comparable, cookieOf, fetchPage } from "./fetch_page.ts";
import type { Contender, Contest, Rehearsal } from "./measure.ts";
import { onDeno } from "./programs.ts";

const BARE_HELLO: Contender = {
  name: "Deno.serve, bare",
  program: onDeno("programs/bare_hello.ts"),
};

const BARE_SESSIONS: Contender = {
  name: "Deno.serve, by hand",
  program: onDeno("programs/bare_sessions.ts"),
};

const CURFEW_SESSIONS: Contender = {
  name: "Curfew",
  program: onDeno("programs/curfew_sessions.ts"),
  isTwin: true,
};

/** A contest of Curfew against a baseline; its name selects the peers. */
export type PeersOf = (contest: string) => readonly Contender[];

/** Returns the contests; each one has the baseline against itself too. */
export function contests(peersOf: PeersOf): Contest[] {
  return [
    {
      name: "hello",
      title: "A client requests a page, without a session",
      baseline: BARE_HELLO,
      contenders: [
        again(BARE_HELLO),
        {
          name: "Curfew",
          program: onDeno("programs/curfew_hello.ts"),
          isTwin: true,
        },
        ...peersOf("hello"),
      ],
      rehearse: rehearseHello,
    },
    {
      name: "session",
      title:
        "A client returns: the session is found by its cookie and touched, and a counter is sent",
      baseline: BARE_SESSIONS,
      contenders: [
        again(BARE_SESSIONS),
        CURFEW_SESSIONS,
        ...peersOf("session"),
      ],
      rehearse: rehearseSession,
    },
    {
      name: "new",
      title: "Every request makes a session and sets its cookie",
      baseline: BARE_SESSIONS,
      contenders: [again(BARE_SESSIONS), CURFEW_SESSIONS, ...peersOf("new")],
      rehearse: rehearseNew,
    },
  ];
}

/** Returns the baseline as a contender: the difference to itself is noise. */
export function again(baseline: Contender): Contender {
  return { ...baseline, name: "the same again (A/A)" };
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
