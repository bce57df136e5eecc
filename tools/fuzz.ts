/**
 * Throws mutated raw requests at a site that listens on this machine, and looks
 * for what must not be: a 500, a crash, a hang, an error that is reported, a
 * session that nobody asked for or that does not end.
 *
 *     deno task fuzz [count] [minutes] [seed]
 *
 * A million requests unless told, for ten minutes at most. Most are whole, so
 * that many go over one connection, in batches; some are broken anywhere, the
 * last of their connections. The seed repeats the requests, but not how those of
 * several connections come to be mixed.
 *
 * @module
 */

import { Connection } from "./fuzz/connection.ts";
import { Random } from "./fuzz/random.ts";
import { RequestMaker } from "./fuzz/requests.ts";
import type { Tally } from "./fuzz/site.ts";
import { Target } from "./fuzz/target.ts";

/** Connections at once. */
const CONNECTIONS = 64;

/** Requests in a batch. */
const BATCH = 16;

/** Batches after which a connection is given up, even if the server keeps it. */
const BATCHES = 50;

/** How likely a batch is followed by a broken request. */
const BROKEN = 0.5;

/** Statuses that must not be: all the site's own fault, whatever came. */
const FAULTS: readonly number[] = [500, 502, 503, 504];

/** What closes a connection, with requests behind it that go unanswered. */
const REFUSALS: readonly number[] = [400, 408, 413, 414, 431, 505];

/** How many failures are shown. */
const SHOWN = 5;

/** How to fuzz; everything may be left out. */
export interface FuzzOptions {
  /**
   * Requests to answer.
   *
   * @default {1000000}
   */
  count?: number;
  /**
   * Seconds after which it stops, however many there were.
   *
   * @default {600}
   */
  seconds?: number;
  /**
   * Makes the requests repeatable.
   *
   * @default {1}
   */
  seed?: number;
}

/** What has come of it. */
export interface FuzzReport {
  /** Whole requests that were answered, and broken ones that were sent. */
  requests: number;
  /** Broken ones among them. */
  broken: number;
  /** How many responses had each status. */
  readonly statuses: Map<number, number>;
  /** What must not be, with the requests that led to it. */
  readonly failures: string[];
  /** What the sites say of their sessions and errors. */
  tally: Tally;
  /** How long it took. */
  seconds: number;
}

/**
 * Fuzzes two sites in a process of their own.
 *
 * @returns what has come of it; there should be no failures.
 * @throws {Error} If the sites do not listen.
 */
export async function fuzz(options: FuzzOptions = {}): Promise<FuzzReport> {
  const { count = 1_000_000, seconds = 600, seed = 1 } = options;
  await using target = await Target.start();
  const began = performance.now();
  const run = new Run(target.ports, {
    count,
    seed,
    until: began + seconds * 1000,
  });
  const crash = await Promise.race([
    target.ended,
    run.finish().catch((error) => `cannot be reached: ${error}`),
  ]);
  const { report } = run;
  report.seconds = (performance.now() - began) / 1000;
  if (crash === undefined) {
    report.tally = await target.tally();
    judge(report);
  } else {
    report.failures.push(`The sites ${crash}`);
  }
  return report;
}

/** Adds to the failures what is wrong with the sites' own account. */
function judge({ failures, tally }: FuzzReport): void {
  const { made, asked, ended, left, errors } = tally;
  if (made !== asked) failures.push(`${made} sessions for ${asked} that asked`);
  if (ended !== made) failures.push(`${ended} of ${made} sessions have ended`);
  if (left > 0) failures.push(`${left} sessions are left`);
  failures.push(...errors);
}

/** Requests over many connections, until there were enough. */
class Run {
  readonly report: FuzzReport = {
    requests: 0,
    broken: 0,
    statuses: new Map(),
    failures: [],
    tally: { made: 0, asked: 0, ended: 0, left: 0, errors: [] },
    seconds: 0,
  };
  readonly #ports: readonly number[];
  readonly #count: number;
  readonly #until: number;
  readonly #random: Random;
  readonly #maker: RequestMaker;

  constructor(
    ports: readonly number[],
    options: { count: number; seed: number; until: number },
  ) {
    this.#ports = ports;
    this.#count = options.count;
    this.#until = options.until;
    this.#random = new Random(options.seed);
    this.#maker = new RequestMaker(this.#random);
  }

  async finish(): Promise<void> {
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        while (!this.#isOver()) await this.#connect();
      }),
    );
  }

  #fail(what: string, requests: string): void {
    const { failures } = this.report;
    if (failures.length < SHOWN) {
      failures.push(`${what}\n${JSON.stringify(requests)}`);
    }
  }

  #isOver(): boolean {
    const { requests, failures } = this.report;
    return requests >= this.#count || failures.length >= SHOWN ||
      performance.now() > this.#until;
  }

  async #connect(): Promise<void> {
    using connection = await Connection.open(this.#random.pick(this.#ports));
    for (let batch = 0; batch < BATCHES && !this.#isOver(); batch++) {
      if (!await this.#askWhole(connection)) return;
      if (this.#random.chance(BROKEN)) return await this.#askBroken(connection);
    }
  }

  /** @returns whether the connection is still of use. */
  async #askWhole(connection: Connection): Promise<boolean> {
    const requests = Array.from({ length: BATCH }, () => this.#maker.whole());
    const texts = requests.map(({ text }) => text);
    const { statuses, tokens, end } = await connection.ask(
      texts.join(""),
      BATCH,
    );
    const answered = statuses.length;
    this.report.requests += answered;
    this.#note(statuses, tokens, texts);
    const mayEnd = end === "reset" || requests[answered - 1]?.hasBody ||
      REFUSALS.includes(statuses.at(-1) ?? 0);
    if (answered < BATCH && (end === "open" || !mayEnd)) {
      this.#fail(
        `${end === "open" ? "A hang" : "The end"} between requests`,
        texts.slice(Math.max(0, answered - 1), answered + 1).join(""),
      );
    }
    return answered === BATCH && !mayEnd;
  }

  async #askBroken(connection: Connection): Promise<void> {
    const text = this.#maker.broken();
    const { statuses, tokens, end } = await connection.provoke(text);
    this.report.requests++;
    this.report.broken++;
    this.#note(statuses, tokens, [text]);
    if (end === "open") this.#fail("A hang", text);
  }

  #note(
    statuses: readonly number[],
    tokens: readonly string[],
    requests: readonly string[],
  ): void {
    for (const token of tokens) this.#maker.learn(token);
    const { statuses: counts } = this.report;
    for (const [index, status] of statuses.entries()) {
      counts.set(status, (counts.get(status) ?? 0) + 1);
      if (FAULTS.includes(status)) {
        this.#fail(`Status ${status}`, requests[index] ?? requests.join(""));
      }
    }
  }
}

/** What there is to say of a run, a line each. */
function describe(report: FuzzReport): string[] {
  const { requests, broken, statuses, failures, tally, seconds } = report;
  const counts = [...statuses].sort(([one], [other]) => one - other)
    .map(([status, count]) => `${status}: ${count.toLocaleString("en")}`);
  return [
    `requests: ${requests.toLocaleString("en")}, ${
      broken.toLocaleString("en")
    } of them broken, in ${seconds.toFixed(0)} s`,
    `statuses: ${counts.join(", ")}`,
    `sessions: ${tally.made} made, ${tally.asked} asked for, ${tally.ended} ended, ${tally.left} left`,
    `failures: ${failures.length}`,
    ...failures,
  ];
}

if (import.meta.main) {
  const [count = 1_000_000, minutes = 10, seed = Date.now() % 2 ** 32] = Deno
    .args.map(Number);
  console.log(`seed: ${seed}`);
  const report = await fuzz({ count, seconds: minutes * 60, seed });
  console.log(describe(report).join("\n"));
  Deno.exit(report.failures.length === 0 ? 0 : 1);
}
