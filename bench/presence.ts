/**
 * Counts what `sessions.onPresence()` tells of many tabs at several nodes that are
 * killed, and how late.
 *
 *     deno task bench:presence [sqlite|redis|postgres] [tabs] [nodes]
 *
 * Each visitor has one tab, half of them a stream and half a socket, all of them
 * real connections. For half a minute a fifth of the tabs is closed, a fifth loads
 * again at any node, a tenth logs out; meanwhile each of two nodes is killed and
 * started again, and half of its tabs come back to other nodes. Then each visitor
 * must have been told to be present once, and away or offline once if he has left.
 *
 * Lateness counts from `awayAfter` after a tab was closed, or its node was killed,
 * and from the request of a logout. Needs redis-server or Debian's postgresql.
 *
 * @module
 */

import { PostgresServer } from "../tests/helpers_postgres.ts";
import { type Program, runDeno } from "../tests/helpers_process.ts";
import { RedisServer } from "../tests/helpers_redis.ts";
import { type Leaving, Tab } from "./presence_tabs.ts";
import { sleep } from "./stalls.ts";
import { printTable } from "./table.ts";

const [kind = "sqlite"] = Deno.args;
const TABS = Number(Deno.args[1] ?? 10_000);
const NODES = Number(Deno.args[2] ?? 4);
/** Seconds. */
const AWAY_AFTER = 10;
/** Milliseconds in which the tabs act. */
const ACTING = 30_000;
/** Milliseconds after which a change counts as missing. */
const LONGEST = 60_000;
/** Logins at the same time. Many writers make each other wait in SQLite. */
const TOGETHER = kind === "sqlite" ? 6 : 40;

const PROGRAM = "tests/stores/helpers_presence_program.ts";

/** A change as a node has told it; times are UNIX milliseconds. */
interface Told {
  readonly state: string;
  readonly at: number;
}

/** What was told, by principal. */
const told = new Map<string, Told[]>();
const origins: (string | undefined)[] = [];
const programs: Program[] = [];

async function startNode(node: number, location: string): Promise<void> {
  const program = runDeno([
    ...["-A", "--no-check", PROGRAM, kind, location],
    `${AWAY_AFTER}`,
  ]);
  programs[node] = program;
  origins[node] = await program.stdout.next();
  void collect(program);
}

/** Collects what a node tells. */
async function collect(program: Program): Promise<void> {
  for (;;) {
    const line = await program.stdout.next();
    if (line === "") return;
    const [principal = "", state = "", at] = line.split(" ");
    const changes = told.get(principal) ?? [];
    changes.push({ state, at: Number(at) });
    told.set(principal, changes);
  }
}

async function killNode(node: number, location: string): Promise<void> {
  origins[node] = undefined;
  programs[node]!.kill("SIGKILL");
  await sleep(3000);
  await startNode(node, location);
}

/** Opens the store; returns where it is. */
async function openStore(
  stack: AsyncDisposableStack,
): Promise<string> {
  if (kind === "redis") {
    const server = stack.use(await RedisServer.start({ settings: [] }));
    return `redis://127.0.0.1:${server.port}`;
  }
  if (kind === "postgres") {
    const settings = { "max_connections": "100" };
    const server = stack.use(await PostgresServer.start({ settings }));
    return `postgres://curfew@127.0.0.1:${server.port}/postgres`;
  }
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  return `${folder}/sessions.db`;
}

/** Has the tabs act at random times, each once. */
async function act(tabs: readonly Tab[], location: string): Promise<void> {
  const acts = tabs.map(async (tab, index) => {
    await sleep(Math.random() * ACTING);
    if (!tab.isOpen) return;
    if (index % 10 < 2) tab.leave();
    else if (index % 10 < 4) await tab.reload();
    else if (index % 10 === 4) await tab.logOut();
  });
  const kills = [0, 1].slice(0, NODES - 1).map(async (node) => {
    await sleep(ACTING * (0.3 + 0.4 * node));
    await killNode(node, location);
  });
  await Promise.all([...acts, ...kills]);
}

/** Compares what was told with what the tabs have done. */
function judge(tabs: readonly Tab[]): void {
  const rows = (["closed", "killed", "logged out", "here"] as const).map(
    (how) => {
      const those = tabs.filter(({ left }) => (left?.how ?? "here") === how);
      const late: number[] = [];
      let missing = 0;
      let twice = 0;
      let wrong = 0;
      for (const { principal, left } of those) {
        const changes = told.get(principal) ?? [];
        const wanted = wantedOf(left);
        const fits = changes.filter(({ state }) => state === wanted.at(-1));
        if (fits.length === 0) missing++;
        if (fits.length > 1) twice++;
        wrong += changes.length - fits.length - (wanted.length - 1);
        if (left !== undefined && fits.length > 0) {
          late.push(fits[0]!.at - dueOf(left));
        }
      }
      late.sort((one, other) => one - other);
      const at = (share: number) =>
        late.length === 0
          ? "-"
          : `${late[Math.floor(share * (late.length - 1))]}`;
      return {
        how,
        tabs: those.length,
        missing,
        twice,
        "wrongly told": wrong,
        "late: least": at(0),
        p50: at(0.5),
        p99: at(0.99),
        "most ms": at(1),
      };
    },
  );
  printTable(rows);
}

function isMissing({ principal, left }: Tab): boolean {
  const wanted = wantedOf(left).at(-1);
  return !told.get(principal)?.some(({ state }) => state === wanted);
}

function wantedOf(left: Leaving | undefined): string[] {
  if (left === undefined) return ["present"];
  return ["present", left.how === "logged out" ? "offline" : "away"];
}

function dueOf({ how, at }: Leaving): number {
  return how === "logged out" ? at : at + AWAY_AFTER * 1000;
}

await using stack = new AsyncDisposableStack();
const location = await openStore(stack);
for (let node = 0; node < NODES; node++) await startNode(node, location);
stack.defer(async () => {
  for (const program of programs) await program[Symbol.asyncDispose]();
});
const tabs = Array.from(
  { length: TABS },
  (_, index) => new Tab(index, origins),
);
const began = Date.now();
let next = 0;
await Promise.all(Array.from({ length: TOGETHER }, async () => {
  while (next < TABS) {
    const index = next++;
    await tabs[index]!.begin(index % NODES);
  }
}));
console.log(
  `${kind}: ${TABS} tabs at ${NODES} nodes, open after ${
    Math.round((Date.now() - began) / 1000)
  } s`,
);
await sleep(AWAY_AFTER * 1000);
await Promise.race([act(tabs, location), sleep(ACTING + LONGEST)]);
const closed = tabs.filter((tab) => !tab.isOpen && tab.left === undefined);
if (closed.length > 0) {
  console.log(
    `${closed.length} pages did not open again: ${closed[0]!.lastError}`,
  );
}
await sleep(AWAY_AFTER * 1000 + 5000);
const last = Date.now() + LONGEST;
while (tabs.some(isMissing) && Date.now() < last) await sleep(500);
const sum = (name: "reloads" | "refusals") =>
  tabs.reduce((sum, tab) => sum + tab[name], 0);
console.log(
  `${sum("reloads")} pages were loaded again, ${
    sum("refusals")
  } requests refused`,
);
judge(tabs);
for (const tab of tabs) tab.leave();
