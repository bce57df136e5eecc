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
import { again } from "./contests.ts";
import type { Contender, Contest, Rehearsal } from "./measure.ts";
import { onDeno } from "./programs.ts";
import type { Visit } from "./wrk.ts";

function contests(): Contest[] {
  return [
    contest({
      name: "sessions",
      title: "Sessions that are held, of which 1,000 or all return by turns",
      sizes: [1, 1000, 100_000, 1_000_000].map((held) => ({
        name: `${held.toLocaleString("en")} held`,
        program: onDeno("programs/curfew_crowd.ts", held),
      })),
      expected: "2",
    }),
    contest({
      name: "children",
      title: "Children of one resource, of which 1,000 or all are asked for",
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

/** What a site is measured by as it grows. */
interface Growth {
  readonly name: string;
  readonly title: string;
  /** From the smallest up. */
  readonly sizes: readonly Contender[];
  /** What the page says that is asked for first. */
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

/** The programs list themselves what they are to be asked. */
async function rehearse(origin: string, expected: string): Promise<Rehearsal> {
  const response = await fetch(`${origin}/visits`);
  const visits: Visit[] = await response.json();
  const headers = await ask(origin, visits[0]!, expected);
  return { visits, headers: comparable(headers) };
}

await conduct({
  section: "growth",
  help: "Measures Curfew as a site grows: sessions, children, depth.",
  prepare: () => ({ contests: contests() }),
});
