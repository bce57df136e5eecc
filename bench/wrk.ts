import type { Processes } from "./processes.ts";

/** One request of the load. */
export interface Visit {
  readonly path: string;
  /** The `Cookie` header. */
  readonly cookie?: string;
}

/** How to load a server. */
export interface LoadOptions {
  readonly origin: string;
  /** What to ask, by turns. */
  readonly visits: readonly Visit[];
  readonly seconds: number;
  readonly connections: number;
  /** The CPU that wrk is kept on. */
  readonly cpu: number | undefined;
}

/** What wrk has counted. */
export interface Load {
  readonly requests: number;
  readonly requestsPerSecond: number;
}

/**
 * Loads a server with wrk.
 *
 * @throws {Error} If wrk counts errors: they are cheap to answer.
 */
export async function load(
  processes: Processes,
  options: LoadOptions,
): Promise<Load> {
  const { origin, visits, seconds, connections, cpu } = options;
  const [visit] = visits;
  if (visit === undefined) throw new RangeError("Cannot load: no visits");
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`];
  if (visits.length > 1) {
    args.push("-s", processes.writeFile("visits.lua", luaOf(visits)));
  } else if (visit.cookie !== undefined) {
    args.push("-H", `Cookie: ${visit.cookie}`);
  }
  args.push(origin + visit.path);
  const report = await processes.run({ command: "wrk", args }, { cpu });
  const [failure] = /^.*(Socket errors|Non-2xx).*$/m.exec(report) ?? [];
  if (failure !== undefined) {
    throw new Error(`Cannot count on the load: ${failure.trim()}`);
  }
  return {
    requests: numberIn(report, /(\d+) requests in/),
    requestsPerSecond: numberIn(report, /Requests\/sec:\s+([\d.]+)/),
  };
}

/** A script that writes the requests out first, so that wrk only sends them. */
function luaOf(visits: readonly Visit[]): string {
  const list = visits.map(({ path, cookie }) =>
    `  { path = ${JSON.stringify(path)}, cookie = ${
      JSON.stringify(cookie) ?? "nil"
    } },`
  );
  return `
local visits = {
${list.join("\n")}
}
local requests, at = {}, 0

function init()
  for i, visit in ipairs(visits) do
    wrk.headers["Cookie"] = visit.cookie
    requests[i] = wrk.format("GET", visit.path)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
`;
}

function numberIn(report: string, pattern: RegExp): number {
  const [, digits] = pattern.exec(report) ?? [];
  if (digits === undefined) {
    throw new Error(`Cannot read what wrk reports: ${report}`);
  }
  return Number(digits);
}
