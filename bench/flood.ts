/**
 * What a flood of visitors without cookies costs a site that is full, where each
 * new session evicts another: at a million sessions against a thousand.
 *
 *     deno task bench:flood [rounds]
 *
 * In one process, by turns, through `site.fetch`. The first eviction puts all the
 * sessions in order, once, and is shown apart; so is the longest request, in
 * which a collection of garbage or another such order may lie.
 *
 * @module
 */

import { Resource, Site, type SiteRequest } from "../mod.ts";
import { spreadOf } from "./statistics.ts";
import { printTable, spanOf } from "./table.ts";

/** Requests of a site in a round. */
const REQUESTS = 20_000;

/** What a request may cost at the most sessions, in requests at the fewest. */
const BAR = 1.5;

class Page extends Resource {
  override isLeaf = true;

  override render_GET(request: SiteRequest): string {
    return request.getSession().uid;
  }
}

/** A site that has as many sessions as it may have. */
class FullSite {
  readonly count: number;
  /** Microseconds of a request, by round. */
  readonly costs: number[] = [];
  /** Milliseconds of the first request that evicted a session. */
  readonly first: number;
  /** Milliseconds of the longest of the others. */
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
  // For the compiler.
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
  // The sessions wait for a quarter of an hour.
  Deno.exit();
}
