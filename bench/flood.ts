/**
 * Measures requests without cookies on a full site, where each new session evicts
 * another one: with a million sessions against a thousand.
 *
 *     deno task bench:flood [rounds]
 *
 * Runs in one process, by turns, through `site.fetch`. The first eviction may cost
 * more and is shown apart. So is the longest request, which may include a garbage
 * collection.
 *
 * @module
 */

import { Resource, Site, type SiteRequest } from "../mod.ts";
import { spreadOf } from "./statistics.ts";
import { printTable, spanOf } from "./table.ts";

/** Requests of a site in a round. */
const REQUESTS = 20_000;

/** The highest allowed ratio of the cost with most sessions to that with fewest. */
const BAR = 1.5;

class Page extends Resource {
  override isLeaf = true;

  override render_GET(request: SiteRequest): string {
    return request.getSession().uid;
  }
}

/** A site with the maximum number of sessions. */
class FullSite {
  readonly count: number;
  /** Microseconds per request, by round. */
  readonly costs: number[] = [];
  /** Milliseconds of the first request that evicted a session. */
  readonly first: number;
  /** Milliseconds of the longest other request. */
  longest = 0;
  readonly #site: Site;

  constructor(count: number) {
    this.count = count;
    this.#site = new Site(new Page(), { maxSessions: count });
    for (let i = 0; i < count; i++) this.#site.makeSession();
    this.first = this.#request();
  }

  flood(): void {
    const began = performance.now();
    for (let i = 0; i < REQUESTS; i++) {
      this.longest = Math.max(this.longest, this.#request());
    }
    const took = performance.now() - began;
    this.costs.push(took / REQUESTS * 1000);
    const { size } = this.#site.sessions;
    if (size !== this.count) {
      throw new Error(`${size} sessions in place of ${this.count}`);
    }
  }

  #request(): number {
    const began = performance.now();
    this.#site.fetch(new Request("http://localhost/"));
    return performance.now() - began;
  }
}

if (import.meta.main) {
  const [rounds = 15] = Deno.args.map(Number);
  const sites = [1000, 1_000_000].map((count) => new FullSite(count));
  // Warms up the compiler.
  for (const site of sites) site.flood();
  for (const site of sites) site.costs.length = 0;
  for (let round = 0; round < rounds; round++) {
    for (const site of sites) site.flood();
  }
  const [few, many] = sites;
  const ratios = many!.costs.map((cost, round) => cost / few!.costs[round]!);
  console.log(`${rounds} rounds of ${REQUESTS} requests: min/median/max`);
  printTable(sites.map(({ count, costs, first, longest }) => ({
    "sessions": count.toLocaleString("en"),
    "us a request": spanOf(costs),
    "ms of the first": first.toFixed(1),
    "ms of the longest": longest.toFixed(1),
  })));
  console.log(
    `ratio: ${spanOf(ratios, 2)}, ${
      spreadOf(ratios).median <= BAR ? "within" : "BEYOND"
    } ${BAR}`,
  );
  // The sessions would keep timers for a quarter of an hour.
  Deno.exit();
}
