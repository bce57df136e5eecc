/**
 * What the tests share that run a PostgreSQL of their own.
 *
 * @module
 */

import { TEST_LIMIT } from "./helpers_process.ts";
import { repeatedIfStalled } from "./helpers_stalls.ts";
import { freePort } from "./helpers_ports.ts";

/** Where Debian has the programs of each version. */
const DEBIAN = "/usr/lib/postgresql";

/** Options of {@linkcode PostgresServer.start}. */
export interface PostgresServerOptions {
  /**
   * Settings, such as `{ fsync: "on" }`. Without it the server does not wait for
   * its disk, and the tests are faster.
   */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * The folder for the folder of its data.
   *
   * @default the folder of the system
   */
  readonly folder?: string;
  /**
   * The folder of its programs.
   *
   * @default Debian's latest version
   */
  readonly programs?: string;
}

/**
 * A test that runs `postgres`.
 *
 * It is ignored, and says so, where a permission or the program is missing; where
 * CI is true the program must be there. It may take {@linkcode TEST_LIMIT}.
 *
 * @param options As for `Deno.test`.
 */
export function testWithPostgres(
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
  options: Pick<
    Deno.TestDefinition,
    "sanitizeOps" | "sanitizeResources" | "timeout"
  > = {},
): void {
  const missing = missingForPostgres();
  Deno.test({
    timeout: TEST_LIMIT,
    ...options,
    name: missing === "" ? name : `${name} (ignored: needs ${missing})`,
    ignore: missing !== "",
    fn: repeatedIfStalled(fn),
  });
}

function missingForPostgres(): string {
  const permissions = ["net", "read", "write", "run", "env", "sys"] as const;
  const missing = permissions.filter((name) =>
    Deno.permissions.querySync({ name }).state !== "granted"
  );
  if (missing.length > 0) return `--allow-${missing.join(" --allow-")}`;
  const isNeeded = Deno.env.get("CI") === "true";
  return isNeeded || programs() !== undefined ? "" : "postgres";
}

/** The folder with the programs of the latest version; undefined if none is there. */
function programs(): string | undefined {
  try {
    const versions = [...Deno.readDirSync(DEBIAN)].map(({ name }) => name);
    const [latest] = versions.sort((a, b) => Number(b) - Number(a));
    return latest === undefined ? undefined : `${DEBIAN}/${latest}/bin`;
  } catch {
    return undefined;
  }
}

/** A PostgreSQL on a free port, whose data lie in a folder that goes with it. */
export class PostgresServer implements AsyncDisposable {
  /** Where it listens. */
  readonly port: number;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #programs: string | undefined;
  readonly #user: { uid?: number; gid?: number };
  #child: Deno.ChildProcess | undefined;
  #log: Promise<string> = Promise.resolve("");

  private constructor(
    folder: string,
    { settings = {}, programs: own }: PostgresServerOptions,
  ) {
    this.#programs = own ?? programs();
    this.port = freePort();
    this.#settings = settings;
    this.#folder = folder;
    this.#user = userFor(folder);
  }

  /** Starts one, which takes statements once it is there. */
  static async start(
    options: PostgresServerOptions = {},
  ): Promise<PostgresServer> {
    const { folder: dir } = options;
    const server = new PostgresServer(
      Deno.makeTempDirSync(dir === undefined ? {} : { dir }),
      options,
    );
    try {
      await server.#run("initdb", [
        ...["--username", "curfew", "--auth", "trust", "--no-sync"],
        ...["--encoding", "UTF8", "--locale", "C"],
      ]);
      await server.restart();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts a replica of this server, which follows it. */
  async startReplica(): Promise<PostgresServer> {
    const settings = this.#settings;
    const replica = new PostgresServer(Deno.makeTempDirSync(), { settings });
    await replica.#run("pg_basebackup", [
      ...["--host", "127.0.0.1", "--port", `${this.port}`],
      ...["--username", "curfew", "--write-recovery-conf", "--no-sync"],
      ...["--checkpoint", "fast"],
    ]);
    await replica.restart();
    return replica;
  }

  /** For clients. */
  get url(): string {
    return this.urlFor("curfew");
  }

  /** The URL for a role. */
  urlFor(role: string): string {
    return `postgres://${role}@127.0.0.1:${this.port}/postgres`;
  }

  /** The id of its process. */
  get pid(): number {
    return this.#child!.pid;
  }

  /** Starts it once more, after it was stopped or killed, with what it kept. */
  async restart(): Promise<void> {
    const settings = {
      "listen_addresses": "127.0.0.1",
      "unix_socket_directories": "",
      fsync: "off",
      "max_connections": "60",
      "shared_buffers": "64MB",
      ...this.#settings,
    };
    const child = this.#command("postgres", [
      ...["-D", this.#folder, "-p", `${this.port}`],
      ...Object.entries(settings).flatMap(([name, value]) => [
        "-c",
        `${name}=${value}`,
      ]),
    ], "piped").spawn();
    this.#child = child;
    const [lines, others] = child.stderr.tee();
    this.#log = new Response(others).text();
    for await (const text of lines.pipeThrough(new TextDecoderStream())) {
      if (/ready to accept (read-only )?connections/.test(text)) return;
    }
    throw new Error(`Cannot start postgres:\n${await this.#log}`);
  }

  /** Stops it; open connections are closed. */
  async stop(): Promise<void> {
    await this.#end("SIGINT");
  }

  /** Kills it with the processes of its connections. */
  async kill(): Promise<void> {
    const { stdout } = new Deno.Command("pgrep", {
      args: ["-P", `${this.pid}`],
    }).outputSync();
    const children = new TextDecoder().decode(stdout).trim().split("\n")
      .filter((text) => text !== "").map(Number);
    await this.#end("SIGKILL");
    // They hold the shared memory until they have ended.
    while (children.some(isRunning)) await pause(10);
  }

  /** Lets a replica take writes. */
  async promote(): Promise<void> {
    await this.sql("SELECT pg_promote(true, 30)");
  }

  /** Runs SQL, and returns its rows. */
  async sql(text: string, values: unknown[] = []): Promise<unknown[]> {
    const { default: pg } = await import("pg");
    const client = new pg.Client({ connectionString: this.url });
    client.on("error", () => {});
    await client.connect();
    try {
      const { rows } = await client.query(text, values);
      return rows;
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end("SIGQUIT");
    Deno.removeSync(this.#folder, { recursive: true });
  }

  async #end(signal: Deno.Signal): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    try {
      child.kill(signal);
    } catch {
      // It has ended by itself.
    }
    await child.status;
    if (signal !== "SIGKILL") await this.#log;
  }

  async #run(program: string, args: readonly string[]): Promise<void> {
    const command = this.#command(
      program,
      ["--pgdata", this.#folder, ...args],
      "piped",
    );
    const { success, stderr } = await command.output();
    if (!success) {
      const text = new TextDecoder().decode(stderr);
      throw new Error(`Cannot run ${program}: ${text}`);
    }
  }

  #command(
    program: string,
    args: readonly string[],
    stderr: "piped" | "null",
  ): Deno.Command {
    return new Deno.Command(`${this.#programs}/${program}`, {
      args: [...args],
      // The folder of the tests may be closed to the user.
      cwd: "/",
      stdin: "null",
      stdout: "null",
      stderr,
      ...this.#user,
    });
  }
}

/** Postgres refuses to run as root: the folder is handed to another user then. */
function userFor(folder: string): { uid?: number; gid?: number } {
  if (Deno.uid() !== 0) return {};
  const id = (...args: string[]) => {
    const { stdout } = new Deno.Command("id", { args }).outputSync();
    return Number(new TextDecoder().decode(stdout));
  };
  const [uid, gid] = [id("-u", "postgres"), id("-g", "postgres")];
  Deno.chownSync(folder, uid, gid);
  Deno.chmodSync(folder, 0o700);
  return { uid, gid };
}

function isRunning(pid: number): boolean {
  try {
    Deno.statSync(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
