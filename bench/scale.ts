/**
 * Measures one worker and several: `deno serve --parallel`, and processes that share
 * a port (`reusePort`).
 *
 *     deno run -A bench/scale.ts [--rounds=N] [--seconds=N] [--write]
 *
 * @module
 */

import { comparable, cookieOf, fetchPage } from "./fetch_page.ts";
import { conduct } from "./conduct.ts";
import { again } from "./contests.ts";
import type { Contender, Contest, Tools } from "./measure.ts";
import { onDenoSharingPort, pathOf, type ProgramOnPort } from "./programs.ts";

/** One worker for each CPU, and at least two. */
const WORKERS = Math.max(2, navigator.hardwareConcurrency);

/** New connections on which a client returns. */
const RETURNS = 200;

const WORKER = "programs/curfew_worker.ts";

const ONE: Contender = { name: "one worker", program: served() };

const PARALLEL: Contender = {
  name: `deno serve --parallel, ${WORKERS} workers`,
  program: served("--parallel"),
};

const SHARED_PORT: Contender = {
  name: `reusePort, ${WORKERS} processes`,
  program: onDenoSharingPort(WORKER),
  copies: WORKERS,
};

/** Makes a program with workers under `deno serve`. */
function served(...flags: readonly string[]): ProgramOnPort {
  return (port) => ({
    command: Deno.execPath(),
    args: [
      "serve",
      "--allow-all",
      "--host=127.0.0.1",
      `--port=${port}`,
      ...flags,
      pathOf(WORKER),
    ],
    env: { DENO_JOBS: `${WORKERS}` },
  });
}

function contest(name: "hello" | "busy", title: string): Contest {
  return {
    name,
    title,
    baseline: ONE,
    contenders: [again(ONE), PARALLEL, SHARED_PORT],
    async rehearse(origin) {
      const visit = { path: `/${name}` };
      const headers = await fetchPage(origin, visit, "hello");
      return { visits: [visit], headers: comparable(headers) };
    },
  };
}

/** Counts a client's new connections that find the session; returns a sentence. */
async function countReturns(
  contender: Contender,
  { processes }: Tools,
): Promise<string> {
  await using server = await processes.serve(contender.program, contender);
  await hearFromAll(server.origin);
  const first = await visit(server.origin, "/count");
  const cookie = cookieOf(first);
  let found = 0;
  for (let i = 0; i < RETURNS; i++) {
    const headers = await visit(server.origin, "/count", cookie);
    if (!headers.has("set-cookie")) found++;
  }
  return `A client that returns on ${RETURNS} new connections finds the session on ${found} of them with ${contender.name}.`;
}

/** Waits until every worker has responded, since they start one by one. */
async function hearFromAll(origin: string): Promise<void> {
  const workers = new Set<string | null>();
  for (let i = 0; i < 10_000 && workers.size < WORKERS; i++) {
    workers.add((await visit(origin, "/hello")).get("worker"));
  }
  if (workers.size < WORKERS) {
    throw new Error(`only ${workers.size} of ${WORKERS} workers answer`);
  }
}

/** Returns the headers of a response on a new connection. */
async function visit(
  origin: string,
  path: string,
  cookie?: string,
): Promise<Headers> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const headers = cookie === undefined ? {} : { cookie };
  const response = await fetch(origin + path, { client, headers });
  await response.body?.cancel();
  return response.headers;
}

await conduct({
  section: "scale",
  help: "Measures one worker and several: deno serve --parallel, reusePort.",
  isUnpinned: true,
  prepare: (_flags, tools) => ({
    contests: [
      contest("hello", "A page that takes almost no time"),
      contest("busy", "A page that takes 120 us to make"),
    ],
    remarks: () =>
      Promise.all(
        [PARALLEL, SHARED_PORT].map((several) => countReturns(several, tools)),
      ),
  }),
});
