/**
 * Floods a whole server for a minute, by all kinds of attackers at once: idle
 * connections to the limit of open files, slow headers, slow bodies, form bombs,
 * and 20,000 streams of events.
 *
 *     deno task flood [seconds]
 *
 * It fails if the process ends, a visitor with a session waits for more than a
 * second, a session ends more than a second late, or the memory reaches 1 GiB. The
 * server, the attackers and the visitor are processes of their own, so a machine
 * with few cores measures the attackers too. Needs `sh`.
 *
 * @module
 */

import { type Kind, KINDS } from "./flood/attackers.ts";
import type { Second } from "./flood/server.ts";

/** Open files of the server, so that idle connections reach the limit. */
const OPEN_FILES = 4096;

/** Milliseconds between two requests of the visitor. */
const VISIT_EVERY = 100;

/** The limits of the verdict. */
const LONGEST_WAIT = 1000;
const LONGEST_LATENESS = 1;
const MOST_MEMORY = 2 ** 30;

/** The outcome of a flood. */
export interface FloodReport {
  /** What went wrong; empty if nothing did. */
  readonly failures: readonly string[];
  /** Milliseconds of each visit, sorted. */
  readonly waits: readonly number[];
  /** The longest delay of an end, in seconds. */
  readonly lateness: number;
  /** Sessions that ended by their deadline. */
  readonly ends: number;
  /** The most bytes of memory. */
  readonly memory: number;
  /** The most streams that were open at once. */
  readonly streams: number;
  /** How often the server ran out of open files. */
  readonly breakdowns: number;
}

/** The options of a flood. */
export interface FloodOptions {
  /**
   * Seconds that it lasts.
   *
   * @default {60}
   */
  seconds?: number;
  /** The kinds of attackers; by default all. */
  kinds?: readonly Kind[];
}

/** Runs a script with as many open files as are allowed, or fewer. */
function run(
  script: "server" | "attackers",
  args: string[],
  openFiles?: number,
): Deno.ChildProcess {
  const path = new URL(`flood/${script}.ts`, import.meta.url).pathname;
  const limit = openFiles ?? "$(ulimit -Hn)";
  // In life the attackers have machines of their own.
  const nice = script === "attackers" ? "nice -n 19" : "";
  return new Deno.Command("sh", {
    args: [
      ...["-c", `ulimit -n ${limit}; exec ${nice} "$0" "$@"`, Deno.execPath()],
      ...["run", "--allow-net", "--allow-read", "--allow-env", "--allow-sys"],
      ...[path, ...args],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** Floods a server, and reports what became of it. */
export async function flood(options: FloodOptions = {}): Promise<FloodReport> {
  const { seconds = 60, kinds = KINDS } = options;
  const server = run("server", [], OPEN_FILES);
  let hasEnded = false;
  void server.status.then(() => hasEnded = true);
  const lines = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const port = Number((await lines.read()).value);
  const facts: Second[] = [];
  const reading = readFacts(lines, facts);

  const attackers = kinds.map((kind) => {
    // At the limit of open files connections close, and their streams with them.
    const delay = kind === "idle connections" ? seconds / 4 : 0;
    return run("attackers", [kind, String(port), String(delay)]);
  });
  for (const { stdout } of attackers) void stdout.cancel();
  const waits = await visit(port, seconds, () => hasEnded);
  const survived = !hasEnded;

  for (const child of [...attackers, server]) kill(child);
  await Promise.all([...attackers, server].map(({ status }) => status));
  await reading;
  return judge(facts, waits, survived);
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}

async function readFacts(
  lines: ReadableStreamDefaultReader<string>,
  facts: Second[],
): Promise<void> {
  let text = "";
  for (;;) {
    const { value, done } = await lines.read();
    if (done) return;
    text += value;
    const whole = text.split("\n");
    text = whole.pop()!;
    for (const line of whole) facts.push(JSON.parse(line));
  }
}

/** Visits the site again and again; returns how long each visit took. */
async function visit(
  port: number,
  seconds: number,
  isOver: () => boolean,
): Promise<number[]> {
  const url = `http://127.0.0.1:${port}/`;
  const waits: number[] = [];
  const first = await fetch(url);
  const uid = await first.text();
  const [cookie] = first.headers.getSetCookie()[0]!.split(";");
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until && !isOver()) {
    const began = performance.now();
    waits.push(await answerTime(url, cookie!, uid, isOver));
    const left = VISIT_EVERY - (performance.now() - began);
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
  }
  return waits;
}

/**
 * Returns the milliseconds until a visitor has the page. A browser tries again if
 * a connection is closed, and the time goes on.
 */
async function answerTime(
  url: string,
  cookie: string,
  uid: string,
  isOver: () => boolean,
): Promise<number> {
  const began = performance.now();
  while (!isOver()) {
    try {
      const response = await fetch(url, {
        headers: { cookie },
        signal: AbortSignal.timeout(10_000),
      });
      if (await response.text() !== uid) return Infinity;
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return performance.now() - began;
}

function judge(
  facts: readonly Second[],
  waits: readonly number[],
  survived: boolean,
): FloodReport {
  const most = (of: (second: Second) => number) =>
    facts.reduce((most, second) => Math.max(most, of(second)), 0);
  const sorted = waits.toSorted((one, other) => one - other);
  const report = {
    waits: sorted,
    lateness: most(({ lateness }) => lateness),
    ends: most(({ ends }) => ends),
    memory: most(({ rss }) => rss),
    streams: most(({ streams }) => streams),
    breakdowns: most(({ breakdowns }) => breakdowns),
  };
  const failures = [];
  if (!survived) failures.push("the process has ended");
  const longest = sorted.at(-1) ?? Infinity;
  if (longest > LONGEST_WAIT) {
    failures.push(`a visitor waited for ${longest.toFixed(0)} ms`);
  }
  if (report.ends === 0) failures.push("no session has ended");
  if (report.lateness > LONGEST_LATENESS) {
    failures.push(`a session ended ${report.lateness.toFixed(2)} s late`);
  }
  if (report.memory >= MOST_MEMORY) {
    failures.push(`it took ${toMiB(report.memory)} of memory`);
  }
  return { ...report, failures };
}

function toMiB(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

if (import.meta.main) {
  const [seconds = "60"] = Deno.args;
  const report = await flood({ seconds: Number(seconds) });
  const { waits, failures } = report;
  const at = (share: number) =>
    waits[Math.ceil(waits.length * share) - 1]?.toFixed(0) ?? "-";
  console.log(
    `visits ${waits.length}: median ${at(0.5)}, p99 ${at(0.99)}, longest ${
      at(1)
    } ms`,
  );
  console.log(
    `ends ${report.ends}: latest ${(report.lateness * 1000).toFixed(0)} ms`,
  );
  console.log(
    `streams ${report.streams}, memory ${
      toMiB(report.memory)
    }, out of open files ${report.breakdowns} times`,
  );
  for (const failure of failures) console.error(`Failed: ${failure}`);
  Deno.exit(failures.length === 0 ? 0 : 1);
}
