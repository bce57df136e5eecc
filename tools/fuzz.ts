/**
 * Sends mutated raw requests to sites on this machine, and finds failures: a 500, a
 * crash, a hang, a reported error, a session that no resource requested, or a
 * session that does not end.
 *
 *     deno task fuzz [count] [minutes] [seed]
 *
 * By default it sends a million requests, for ten minutes at most. Most requests
 * are whole, so that a connection carries many, in batches. A broken request is the
 * last one of its connection. The same seed makes the same requests, but the
 * requests of several connections mix in another order.
 *
 * @module
 */

import { Connection } from "./fuzz/connection.ts";
import { Random } from "./fuzz/random.ts";
import { RequestMaker } from "./fuzz/requests.ts";
import type { Tally } from "./fuzz/site.ts";
import { Target } from "./fuzz/target.ts";

/** Connections at the same time. */
const CONNECTIONS = 64;

/** Requests in a batch. */
const BATCH = 16;

/** The most batches on a connection. */
const BATCHES = 50;

/** The probability of a broken request after a batch. */
const BROKEN = 0.5;

/** Statuses that are failures of the site, for every request. */
const FAULTS: readonly number[] = [500, 502, 503, 504];

/** Statuses after which the server closes the connection without the next responses. */
const REFUSALS: readonly number[] = [400, 408, 413, 414, 431, 505];

/** The most failures to collect. */
const SHOWN = 5;

/** The options of a run. */
export interface FuzzOptions {
  /**
   * The number of requests.
   *
   * @default {1000000}
   */
  count?: number;
  /**
   * The longest run, in seconds.
   *
   * @default {600}
   */
  seconds?: number;
  /**
   * The seed of the random requests.
   *
   * @default {1}
   */
  seed?: number;
}

/** The result of a run. */
export interface FuzzReport {
  /** Whole requests with a response, and broken requests. */
  requests: number;
  /** The broken requests among them. */
  broken: number;
  /** The number of responses by status. */
  readonly statuses: Map<number, number>;
  /** Descriptions of failures, with their requests. */
  readonly failures: string[];
  /** The sites' counts of sessions and errors. */
  tally: Tally;
  /** The duration of the run. */
  seconds: number;
}

/**
 * Fuzzes two sites, which run in another process.
 *
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

/** Adds failures that the counts of the sites show. */
function judge({ failures, tally }: FuzzReport): void {
  const { made, requested, ended, left, errors } = tally;
  if (made !== requested) {
    failures.push(`${made} sessions made, ${requested} requested`);
  }
  if (ended !== made) failures.push(`${ended} of ${made} sessions ended`);
  if (left > 0) failures.push(`${left} sessions are left`);
  failures.push(...errors);
}

/** Sends requests on many connections, until the count or the time is reached. */
class Run {
  readonly report: FuzzReport = {
    requests: 0,
    broken: 0,
    statuses: new Map(),
    failures: [],
    tally: { made: 0, requested: 0, ended: 0, left: 0, errors: [] },
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
      if (!await this.#sendBatch(connection)) return;
      if (this.#random.chance(BROKEN)) {
        return await this.#sendBroken(connection);
      }
    }
  }

  /** Sends a batch of whole requests; returns whether the connection can be reused. */
  async #sendBatch(connection: Connection): Promise<boolean> {
    const requests = Array.from({ length: BATCH }, () => this.#maker.whole());
    const texts = requests.map(({ text }) => text);
    const { statuses, tokens, end } = await connection.ask(
      texts.join(""),
      BATCH,
    );
    const answered = statuses.length;
    this.report.requests += answered;
    this.#record(statuses, tokens, texts);
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

  async #sendBroken(connection: Connection): Promise<void> {
    const text = this.#maker.broken();
    const { statuses, tokens, end } = await connection.provoke(text);
    this.report.requests++;
    this.report.broken++;
    this.#record(statuses, tokens, [text]);
    if (end === "open") this.#fail("A hang", text);
  }

  #record(
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

/** Describes a run in lines. */
function describe(report: FuzzReport): string[] {
  const { requests, broken, statuses, failures, tally, seconds } = report;
  const counts = [...statuses].sort(([one], [other]) => one - other)
    .map(([status, count]) => `${status}: ${count.toLocaleString("en")}`);
  return [
    `requests: ${requests.toLocaleString("en")}, ${
      broken.toLocaleString("en")
    } of them broken, in ${seconds.toFixed(0)} s`,
    `statuses: ${counts.join(", ")}`,
    `sessions: ${tally.made} made, ${tally.requested} requested, ${tally.ended} ended, ${tally.left} left`,
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
