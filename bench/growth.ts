/**
 * Measures a request as a site grows: more sessions, more children of a resource,
 * more levels. The smallest site is the baseline.
 *
 *     deno run -A bench/growth.ts [--rounds=N] [--seconds=N] [--write]
 *
 * @module
 */

import { comparable, fetchPage } from "./fetch_page.ts";
import { conduct } from "./conduct.ts";
import { again } from "./contests.ts";
import type { Contender, Contest, Rehearsal } from "./measure.ts";
import { onDeno } from "./programs.ts";
import type { LoadRequest } from "./wrk.ts";

function contests(): Contest[] {
  return [
    contest({
      name: "sessions",
      title:
        "The site holds so many sessions, and at most 1,000 of them return by turns",
      sizes: [1, 1000, 100_000, 1_000_000].map((held) => ({
        name: `${held.toLocaleString("en")} held`,
        program: onDeno("programs/curfew_crowd.ts", held),
      })),
      expected: "2",
    }),
    contest({
      name: "children",
      title:
        "One resource has so many children, and requests ask for at most 1,000 of them",
      sizes: [1, 10, 100, 1000, 10_000].map((children) => ({
        name: `${children.toLocaleString("en")} below`,
        program: onDeno("programs/curfew_tree.ts", children, 1),
      })),
      expected: "hello",
    }),
    contest({
      name: "depth",
      title: "Levels down to the resource",
      sizes: [1, 3, 10].map((depth) => ({
        name: `${depth} deep`,
        program: onDeno("programs/curfew_tree.ts", 1, depth),
      })),
      expected: "hello",
    }),
  ];
}

/** A way in which a site grows. */
interface Growth {
  readonly name: string;
  readonly title: string;
  /** The sizes, ascending. */
  readonly sizes: readonly Contender[];
  /** The text of the first page. */
  readonly expected: string;
}

function contest({ name, title, sizes, expected }: Growth): Contest {
  const [smallest, ...others] = sizes;
  return {
    name,
    title,
    baseline: smallest!,
    contenders: [again(smallest!), ...others],
    rehearse: (origin) => rehearse(origin, expected),
  };
}

/** Reads the list of requests from the program. */
async function rehearse(origin: string, expected: string): Promise<Rehearsal> {
  const response = await fetch(`${origin}/visits`);
  const visits: LoadRequest[] = await response.json();
  const headers = await fetchPage(origin, visits[0]!, expected);
  return { visits, headers: comparable(headers) };
}

await conduct({
  section: "growth",
  help: "Measures Curfew as a site grows: sessions, children, depth.",
  prepare: () => ({ contests: contests() }),
});
