/**
 * Profiles a server: lists functions by the time spent in each itself, for Curfew
 * and for a server by hand.
 *
 *     deno task bench:profile [seconds]
 *
 * The time of the kernel and of Deno's own threads is not included.
 *
 * @module
 */

import { cookieOf, fetchPage } from "./fetch_page.ts";
import { onDeno } from "./programs.ts";
import { printTable } from "./table.ts";

const SECONDS = Number(Deno.args[0] ?? 4);

/** The number of functions to show. */
const SHOWN = 12;

/** The parts of a `.cpuprofile` that are read here. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
}

/** The servers: by hand, and Curfew. */
const SERVERS = [
  { server: "by hand", file: "programs/routing_by_hand.ts" },
  { server: "Curfew", file: "programs/curfew_pages.ts" },
];

const CASES = [
  { page: "hello", path: "/hello" },
  { page: "session", path: "/count", isReturning: true },
  { page: "new", path: "/new" },
].flatMap((page) =>
  SERVERS.map((server) => ({
    ...page,
    ...server,
    name: `${page.page}, ${server.server}`,
  }))
);

/** The time by owner of the code, for each case. */
const groups: Record<string, string>[] = [];

for (const { name, file, path, isReturning } of CASES) {
  const folder = Deno.makeTempDirSync({ prefix: "curfew-profile-" });
  try {
    const port = freePort();
    const { command, args } = onDeno(file)(port);
    const [run, ...rest] = args;
    await using server = new Deno.Command(command, {
      args: [
        run!,
        "--cpu-prof",
        `--cpu-prof-dir=${folder}`,
        "--preload",
        new URL("programs/exit_on_signal.ts", import.meta.url).pathname,
        ...rest,
      ],
      stdout: "null",
    }).spawn();
    const origin = `http://127.0.0.1:${port}`;
    await listening(port);
    const headers = isReturning
      ? [
        "-H",
        `Cookie: ${
          cookieOf(await fetchPage(origin, { path: "/new" }, "hello"))
        }`,
      ]
      : [];
    await new Deno.Command("wrk", {
      args: [
        "-t1",
        "-c32",
        `-d${SECONDS}s`,
        ...headers,
        origin + path,
      ],
    }).output();
    server.kill("SIGTERM");
    await server.status;
    const [entry] = Deno.readDirSync(folder);
    const text = Deno.readTextFileSync(`${folder}/${entry!.name}`);
    const profile: Profile = JSON.parse(text);
    console.log(`\n${name}: self time, % of what JavaScript took\n`);
    printTable(rowsOf(profile));
    groups.push({ "": name, ...groupsOf(profile) });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

console.log("\nTime by owner of the code, %\n");
printTable(groups);

/** Returns the owner of a function's code. */
function groupOf(name: string, url: string): string {
  if (name === "(garbage collector)") return "garbage collector";
  if (url.startsWith("ext:")) return "Deno's JavaScript";
  return url.startsWith("file:") ? "the program" : "native";
}

function groupsOf(profile: Profile): Record<string, string> {
  const places = new Map(
    profile.nodes.map(({ id, callFrame }) => [id, callFrame]),
  );
  const counts: Record<string, number> = {
    "the program": 0,
    "Deno's JavaScript": 0,
    "native": 0,
    "garbage collector": 0,
  };
  let all = 0;
  for (const id of profile.samples) {
    const { functionName, url } = places.get(id)!;
    if (functionName === "(idle)") continue;
    counts[groupOf(functionName, url)]!++;
    all++;
  }
  return Object.fromEntries(
    Object.entries(counts).map((
      [name, count],
    ) => [name, (100 * count / all).toFixed(0)]),
  );
}

function rowsOf(profile: Profile): Record<string, string>[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => {
    const { functionName, url, lineNumber } = callFrame;
    const file = url.split("/").slice(-2).join("/");
    return [
      id,
      `${functionName || "(anonymous)"} ${
        file === "" ? "" : `${file}:${lineNumber + 1}`
      }`.trim(),
    ];
  }));
  const counts = new Map<string, number>();
  let all = 0;
  for (const id of profile.samples) {
    const name = names.get(id) ?? "?";
    if (name === "(idle)") continue;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    all++;
  }
  return [...counts].sort(([, one], [, other]) => other - one).slice(0, SHOWN)
    .map(([name, count]) => ({
      "%": (100 * count / all).toFixed(1),
      "function": name,
    }));
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`Cannot profile: no server listens on ${port}`);
}
