/**
 * Measures how soon clients see the end of their session, on streams of server-sent
 * events over TCP on this machine.
 *
 *     deno task bench:streams [count] [rounds]
 *
 * In each round so many streams are open, one for each session. In "at once" all
 * sessions end in one millisecond, in "spread" over two seconds. The time is measured
 * from the deadline, and from the end of the session, until the client has read the
 * end of the response in another thread. Closing streams takes time, so a batch ends
 * one by one. A stream that has not closed ten seconds after its deadline is
 * missing.
 *
 * @module
 */

import { Resource, type Session, Site, type SiteRequest } from "../mod.ts";
import { printTable, spanOf } from "./table.ts";

/** Milliseconds over which the ends of a round are spread. */
const SPREAD = 2000;

/** Milliseconds between the last opening and the first end. */
const LEAD = 500;

/** Milliseconds that a stream may take to close before it is missing. */
const LONGEST_CLOSING = 10_000;

/** The longest allowed time from an end to its closed stream, in milliseconds. */
const BAR = 50;

/** The report of the clients: the uid and the closing time of each session. */
export type Closings = readonly (readonly [uid: string, at: number])[];

/** The result of a round; times are milliseconds. */
interface Round {
  readonly missing: number;
  /** Streams that closed before the deadline. */
  readonly early: number;
  /** Sorted. */
  readonly fromDeadline: readonly number[];
  readonly fromEnd: readonly number[];
}

class Streams extends Resource {
  override isLeaf = true;

  override render_GET(request: SiteRequest): Response {
    const session = request.getSession();
    const events = session.events(request);
    events.send(session.uid);
    return events.response;
  }
}

async function measure(count: number, spread: number): Promise<Round> {
  await using site = new Site(new Streams());
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    site.fetch,
  );
  const clients = new Worker(new URL("streams_clients.ts", import.meta.url), {
    type: "module",
  });
  try {
    clients.postMessage({ port: server.addr.port, count });
    await nextMessage<void>(clients, 60_000);
    const deadlines = new Map<string, number>();
    const ends = new Map<string, number>();
    site.notifyOnSessionEnd(({ uid, at }) =>
      ends.set(uid, Math.round(at * 1000))
    );
    const first = Date.now() + LEAD;
    for (const session of site.sessions.values()) {
      const at = first + Math.floor(spread * deadlines.size / count);
      endAt(session, at);
      deadlines.set(session.uid, at);
    }
    clients.postMessage({ until: first + spread + LONGEST_CLOSING });
    const closings = await nextMessage<Closings>(
      clients,
      LEAD + spread + 2 * LONGEST_CLOSING,
    );
    const since = (times: ReadonlyMap<string, number>) =>
      closings.map(([uid, at]) => at - times.get(uid)!)
        .sort((one, other) => one - other);
    const fromDeadline = since(deadlines);
    return {
      missing: count - closings.length,
      early: fromDeadline.filter((latency) => latency < 0).length,
      fromDeadline,
      fromEnd: since(ends),
    };
  } finally {
    clients.terminate();
    site.stopStreams();
    await server.shutdown();
  }
}

/** A session that ends at a whole millisecond. */
function endAt(session: Session, at: number): void {
  session.sessionTimeout = (at - Math.round(session.lastModified * 1000)) /
    1000;
  session.startCheckingExpiration();
}

/** Returns the next message of a worker. */
function nextMessage<T>(worker: Worker, timeout: number): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(
    () => reject(new Error(`The clients send no message for ${timeout} ms`)),
    timeout,
  );
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(`The clients have failed: ${event.message}`));
  };
  return promise.finally(() => clearTimeout(timer));
}

function row(
  name: string,
  from: "fromDeadline" | "fromEnd",
  rounds: readonly Round[],
): Record<string, unknown> {
  const sum = (pick: (round: Round) => number) =>
    rounds.reduce((total, round) => total + pick(round), 0);
  const quantile = (part: number) =>
    spanOf(
      rounds.map(({ [from]: latencies }) =>
        latencies[Math.floor(part * (latencies.length - 1))] ?? NaN
      ),
    );
  return {
    "": name,
    missing: sum(({ missing }) => missing),
    early: sum(({ early }) => early),
    p50: quantile(0.5),
    p99: quantile(0.99),
    max: quantile(1),
  };
}

/** @throws {RangeError} If the text is not a whole number from 1 to 10,000. */
function countFrom(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0 && count <= 10_000) return count;
  throw new RangeError(`Cannot open streams: not a count: "${text}"`);
}

if (import.meta.main) {
  const count = countFrom(Deno.args[0] ?? "1000");
  const rounds = countFrom(Deno.args[1] ?? "5");
  const spread: Round[] = [];
  const atOnce: Round[] = [];
  // Warms up the compiler.
  await measure(Math.min(count, 100), 0);
  for (let round = 0; round < rounds; round++) {
    spread.push(await measure(count, SPREAD));
    atOnce.push(await measure(count, 0));
  }
  console.log(
    `${
      count.toLocaleString("en")
    } streams, ${rounds} rounds; ms to the end of the stream, min/median/max of the rounds`,
  );
  const over = `spread over ${SPREAD / 1000} s`;
  printTable([
    row(`${over}, from the deadline`, "fromDeadline", spread),
    row(`${over}, from the end`, "fromEnd", spread),
    row("at once, from the deadline", "fromDeadline", atOnce),
    row("at once, from the end", "fromEnd", atOnce),
  ]);
  const isGood = [...spread, ...atOnce].every(({ missing, early, fromEnd }) =>
    missing === 0 && early === 0 && fromEnd.at(-1)! <= BAR
  );
  console.log(`all ${isGood ? "within" : "NOT WITHIN"} ${BAR} ms of the end`);
}
