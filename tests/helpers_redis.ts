/**
 * What the tests share that run a Redis of their own.
 *
 * @module
 */

import { TEST_LIMIT } from "./helpers_process.ts";
import { repeatedIfStalled } from "./helpers_stalls.ts";
import { freePort } from "./helpers_ports.ts";

const DECODER = new TextDecoder();

/** Options of {@linkcode RedisServer.start}. */
export interface RedisServerOptions {
  /**
   * The program.
   *
   * @default {"redis-server"}
   */
  readonly program?: string;
  /** Settings as arguments, such as `"--appendonly", "yes"`. */
  readonly settings?: readonly string[];
  /** The path of a file of settings, which a sentinel writes to. */
  readonly configuration?: string;
  /**
   * The folder for the folder of its data.
   *
   * @default the folder of the system
   */
  readonly folder?: string;
}

/** Options of {@linkcode RedisCluster.start}. */
export interface RedisClusterOptions
  extends Pick<RedisServerOptions, "settings" | "folder"> {
  /**
   * The replicas of each primary, 0 or 1.
   *
   * @default {0}
   */
  readonly replicas?: number;
}

/**
 * A test that runs `redis-server`.
 *
 * It is ignored, and says so, where a permission or the program is missing; where
 * CI is true the program must be there. It may take {@linkcode TEST_LIMIT}.
 *
 * @param options As for `Deno.test`.
 */
export function testWithRedis(
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
  options: Pick<
    Deno.TestDefinition,
    "sanitizeOps" | "sanitizeResources" | "timeout"
  > = {},
): void {
  const missing = missingForRedis();
  Deno.test({
    timeout: TEST_LIMIT,
    ...options,
    name: missing === "" ? name : `${name} (ignored: needs ${missing})`,
    ignore: missing !== "",
    fn: repeatedIfStalled(fn),
  });
}

function missingForRedis(): string {
  const permissions = ["net", "read", "write", "run", "env", "sys"] as const;
  const missing = permissions.filter((name) =>
    Deno.permissions.querySync({ name }).state !== "granted"
  );
  if (missing.length > 0) return `--allow-${missing.join(" --allow-")}`;
  return hasRedis() || Deno.env.get("CI") === "true" ? "" : "redis-server";
}

let isThere: boolean | undefined;

function hasRedis(): boolean {
  if (isThere !== undefined) return isThere;
  try {
    const args = ["--version"];
    return isThere = new Deno.Command("redis-server", { args }).outputSync()
      .success;
  } catch {
    return isThere = false;
  }
}

/** A Redis on a free port, whose data lie in a folder that goes with it. */
export class RedisServer implements AsyncDisposable {
  /** Where it listens. */
  readonly port: number;
  readonly #options: RedisServerOptions;
  readonly #folder: string;
  #child: Deno.ChildProcess | undefined;
  #output: Promise<unknown> = Promise.resolve();

  private constructor(port: number, options: RedisServerOptions) {
    this.port = port;
    this.#options = options;
    const { folder: dir } = options;
    this.#folder = Deno.makeTempDirSync(dir === undefined ? {} : { dir });
  }

  /** Starts one, which takes commands once it is there. */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    for (let tries = 1;; tries++) {
      const server = new RedisServer(freePort(), options);
      try {
        await server.restart();
        return server;
      } catch (error) {
        await server[Symbol.asyncDispose]();
        // Somebody else may have taken the port meanwhile.
        if (tries === 3) throw error;
      }
    }
  }

  /** For clients. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** The id of its process. */
  get pid(): number {
    return this.#child!.pid;
  }

  /** Starts it once more, after it was stopped or killed, with what it kept. */
  async restart(): Promise<void> {
    const { program = "redis-server", settings = [] } = this.#options;
    const { configuration } = this.#options;
    const child = new Deno.Command(program, {
      args: [
        ...configuration === undefined ? [] : [configuration],
        ...["--port", `${this.port}`, "--bind", "127.0.0.1"],
        ...["--dir", this.#folder, "--save", ""],
        ...settings,
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#child = child;
    const [lines, others] = child.stdout.tee();
    const log = new Response(others).text();
    this.#output = Promise.all([log, child.status]);
    for await (const text of lines.pipeThrough(new TextDecoderStream())) {
      if (/ready to accept connections|Sentinel ID is/i.test(text)) return;
    }
    throw new Error(`Cannot start ${program}:\n${await log}`);
  }

  /** Has it end in good order; what it keeps is on disk. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Has it die at once. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Stops its process for so many milliseconds. Its connections stay open. */
  async freeze(ms: number): Promise<void> {
    const child = this.#child!;
    child.kill("SIGSTOP");
    try {
      await new Promise((resolve) => setTimeout(resolve, ms));
    } finally {
      child.kill("SIGCONT");
    }
  }

  /** Runs a command with `redis-cli`, and answers what it prints. */
  async cli(...args: readonly string[]): Promise<string> {
    return await runCli("-p", `${this.port}`, ...args);
  }

  /** How often commands were called, those of scripts too, by their names. */
  async countCalls(): Promise<Map<string, number>> {
    const stats = await this.cli("INFO", "commandstats");
    return new Map(
      [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map((
        [, name, calls],
      ) => [name!, Number(calls)]),
    );
  }

  /** Kills it, and removes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #end(signal: Deno.Signal): Promise<void> {
    try {
      this.#child?.kill(signal);
    } catch {
      // It has ended by itself.
    }
    await this.#output;
    this.#child = undefined;
  }
}

/** Three primaries that are one cluster, each with a replica or without. */
export class RedisCluster implements AsyncDisposable {
  /** The nodes. */
  readonly servers: readonly RedisServer[];

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers;
  }

  /** Starts one, all of whose slots are served once it is there. */
  static async start(
    { settings = [], replicas = 0, ...options }: RedisClusterOptions = {},
  ): Promise<RedisCluster> {
    const servers: RedisServer[] = [];
    const cluster = new RedisCluster(servers);
    try {
      for (let i = 0; i < 3 * (1 + replicas); i++) {
        const ofCluster = [
          ...["--cluster-enabled", "yes", "--cluster-node-timeout", "15000"],
          // Otherwise 10,000 above the port, which may be no port at all.
          ...["--cluster-port", `${freePort()}`],
        ];
        servers.push(
          await RedisServer.start({
            ...options,
            settings: [...ofCluster, ...settings],
          }),
        );
      }
      const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
      await runCli(
        ...["--cluster", "create", ...addresses, "--cluster-yes"],
        ...["--cluster-replicas", `${replicas}`],
      );
      await cluster.untilServed();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Returns the nodes that are primaries now, of those that run. */
  async primaries(): Promise<RedisServer[]> {
    const roles = await Promise.all(
      this.servers.map((server) =>
        // A node that was killed has no role.
        server.cli("ROLE").catch(() => "")
      ),
    );
    return this.servers.filter((_, i) => roles[i]!.startsWith("master"));
  }

  /** Waits until the nodes agree that all slots are served. */
  async untilServed(): Promise<void> {
    await Promise.all(this.servers.map(untilServed));
  }

  /** Waits until each primary has its replica, which is up to date. */
  async untilReplicated(): Promise<void> {
    await Promise.all(this.servers.map(untilReplicated));
  }

  /** Kills all of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.servers.map((server) => server[Symbol.asyncDispose]()),
    );
  }
}

/** The nodes agree on the slots a moment after they have been given out. */
async function untilServed(server: RedisServer): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const info = await server.cli("CLUSTER", "INFO");
    if (info.includes("cluster_state:ok")) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("The cluster does not serve its slots");
}

/** Waits until a primary has its replica, or a replica its primary. */
async function untilReplicated(server: RedisServer): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const info = await server.cli("INFO", "replication");
    if (/state=online|master_link_status:up/.test(info)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("The server does not replicate");
}

async function runCli(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("redis-cli", {
    args: [...args],
  }).output();
  const text = DECODER.decode(stdout);
  if (!success) throw new Error(text + DECODER.decode(stderr));
  return text.trim();
}
