/**
 * What becomes of a request as a site grows: more sessions, more children of a
 * resource, more levels. The smallest site is the baseline of the others.
 *
 *     deno run -A bench/growth.ts [--rounds=N] [--seconds=N] [--write]
 *
 * @module
 */

import { ask, comparable } from "./ask.ts";
import { conduct } from "./conduct.ts";
import type { Contender, Contest, Rehearsal } from "./measure.ts";
import { onDeno } from "./programs.ts";

/** More paths than that wrk does not ask by turns: they are written out. */
const PATHS = 1000;

const SESSIONS: Contest = {
  name: "sessions",
  title:
    "The sessions that are held, of which 1,000 (or all) are visited by turns",
  baseline: crowd(1),
  contenders: [1, 1000, 100_000, 1_000_000].map(crowd),
  async rehearse(origin) {
    const response = await fetch(`${origin}/cookies`);
    const cookies: string[] = await response.json();
    const visits = cookies.map((cookie) => ({ path: "/count", cookie }));
    const headers = await ask(origin, visits[0]!, "2");
    return { visits, headers: comparable(headers) };
  },
};

const CHILDREN: Contest = {
  name: "children",
  title: "The children of one resource, of which 1,000 (or all) are asked for",
  baseline: tree(1, 1, "1 child"),
  contenders: [1, 10, 100, 1000, 10_000].map((count) =>
    tree(count, 1, `${count.toLocaleString("en")} children`)
  ),
  rehearse: rehearseChildren,
};

const DEPTH: Contest = {
  name: "depth",
  title: "The levels down to the resource",
  baseline: tree(1, 1, "1 level"),
  contenders: [1, 3, 10].map((depth) => tree(1, depth, `${depth} levels`)),
  rehearse: rehearseDepth,
};

await conduct({
  section: "growth",
  help: "Measures how a request fares as a site grows: sessions, children, depth.",
  prepare: () => ({ contests: [SESSIONS, CHILDREN, DEPTH] }),
});
