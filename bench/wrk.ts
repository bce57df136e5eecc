import type { Processes } from "./processes.ts";

/** A request of the load. */
export interface LoadRequest {
  readonly path: string;
  /** The `Cookie` header. */
  readonly cookie?: string;
}

/** The settings of a load. */
export interface LoadOptions {
  readonly origin: string;
  /** The requests, sent by turns. */
  readonly visits: readonly LoadRequest[];
  readonly seconds: number;
  readonly connections: number;
  /** The CPU to which wrk is pinned. */
  readonly cpu: number | undefined;
  /** Whether responses of 400 and more are part of the load. */
  readonly mayFail?: boolean;
}

/** The counts of wrk. */
export interface Load {
  readonly requests: number;
  readonly requestsPerSecond: number;
}

/**
 * Loads a server with wrk.
 *
 * @throws {Error} If wrk counts errors, since an error is a cheap response.
 */
export async function load(
  processes: Processes,
  options: LoadOptions,
): Promise<Load> {
  const { origin, visits, seconds, connections, cpu, mayFail } = options;
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
  const failures = mayFail
    ? /^.*Socket errors.*$/m
    : /^.*(Socket errors|Non-2xx).*$/m;
  const [failure] = failures.exec(report) ?? [];
  if (failure !== undefined) {
    throw new Error(`Cannot use the load: ${failure.trim()}`);
  }
  return {
    requests: numberIn(report, /(\d+) requests in/),
    requestsPerSecond: numberIn(report, /Requests\/sec:\s+([\d.]+)/),
  };
}

/** Returns a script that formats all requests first, so that wrk only sends them. */
function luaOf(visits: readonly LoadRequest[]): string {
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
    throw new Error(`Cannot parse the report of wrk: ${report}`);
  }
  return Number(digits);
}
