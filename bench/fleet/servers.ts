import { PostgresServer } from "../../tests/helpers_postgres.ts";
import { RedisCluster, RedisServer } from "../../tests/helpers_redis.ts";
import { fillPostgres } from "../postgres_fill.ts";
import { CART, LASTING, TOKEN_HASH } from "./crowd.ts";

/** What can be measured. */
export const KINDS = [
  "redis-cluster",
  "redis",
  "postgres",
  "sqlite",
  "memory",
] as const;

/** A kind of store, or the memory of each process. */
export type Kind = typeof KINDS[number];

/** What a store has counted since its start. */
export type Counters = Readonly<Record<string, number>>;

/** A program of the store. */
export interface StoreProgram {
  readonly name: string;
  readonly pid: number;
  /** Whether it runs on one CPU at a time, so that it can be pinned. */
  readonly hasOneThread: boolean;
}

/** A store that was started for the measurement. */
export interface Servers extends AsyncDisposable {
  /** The arguments of the processes after the kind: URL, prefix, shards. */
  readonly args: readonly string[];
  readonly programs: readonly StoreProgram[];
  /** The processes that make the sessions; 0 if `fill` makes them. */
  readonly fillers: number;
  /** Makes the sessions that last by itself. */
  fill?(sessions: number): Promise<void>;
  /** Reads the counters: sums since the start. */
  count(): Promise<Counters>;
  /** Describes what the sessions take, after they were made. */
  describe(): Promise<string>;
}

/** The settings of each Redis: a durable log, which is not rewritten meanwhile. */
const SETTINGS = [
  ...["--appendonly", "yes", "--appendfsync", "everysec"],
  ...["--auto-aof-rewrite-percentage", "0"],
  ...["--hash-max-listpack-value", "1024"],
];

/** Starts the store of a kind for so many processes. */
export function startServers(kind: Kind, processes: number): Promise<Servers> {
  switch (kind) {
    case "redis-cluster":
      return startCluster(processes);
    case "redis":
      return startRedis(processes);
    case "postgres":
      return startPostgres();
    case "sqlite":
      return Promise.resolve(startSqlite());
    case "memory":
      return Promise.resolve({
        ...NOTHING,
        args: [],
        fillers: processes,
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
  }
}

const NOTHING: Pick<Servers, "programs" | "count" | "describe"> = {
  programs: [],
  count: () => Promise.resolve({}),
  describe: () => Promise.resolve(""),
};

async function startCluster(processes: number): Promise<Servers> {
  const cluster = await RedisCluster.start({
    settings: [...SETTINGS, "--cluster-require-full-coverage", "no"],
  });
  try {
    const { servers } = cluster;
    const prefix = await spreadPrefix(servers);
    const urls = servers.map(({ url }) => url).join(",");
    return {
      ...ofRedis(servers),
      args: [urls, prefix, `${servers.length}`],
      fillers: processes,
      [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
    };
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

async function startRedis(processes: number): Promise<Servers> {
  const server = await RedisServer.start({ settings: SETTINGS });
  return {
    ...ofRedis([server]),
    args: [server.url, "fleet"],
    fillers: processes,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/**
 * Returns a prefix whose shards lie on one node each. An administrator moves the
 * slots instead.
 */
async function spreadPrefix(servers: readonly RedisServer[]): Promise<string> {
  const nodes = await servers[0]!.cli("CLUSTER", "NODES");
  const ranges = [...nodes.matchAll(/ (\d+)-(\d+)$/gm)]
    .map(([, from, to]) => ({ from: Number(from), to: Number(to) }));
  for (let tries = 0;; tries++) {
    const prefix = `fleet${tries}`;
    const owners = new Set<number>();
    for (let shard = 0; shard < servers.length; shard++) {
      const key = `{${prefix}:${shard}}`;
      const slot = Number(await servers[0]!.cli("CLUSTER", "KEYSLOT", key));
      owners.add(
        ranges.findIndex(({ from, to }) => from <= slot && slot <= to),
      );
    }
    if (owners.size === servers.length) return prefix;
  }
}

function ofRedis(
  servers: readonly RedisServer[],
): Pick<Servers, "programs" | "count" | "describe"> {
  return {
    programs: servers.map(({ pid }, index) => ({
      name: `Redis ${index + 1}`,
      pid,
      hasOneThread: true,
    })),
    async count() {
      const counts = await Promise.all(servers.map(countOf));
      const names = Object.keys(counts[0]!);
      return Object.fromEntries(
        names.map((name) => [
          name,
          counts.reduce((sum, count) => sum + count[name]!, 0),
        ]),
      );
    },
    async describe() {
      const infos = await Promise.all(
        servers.map((server) => server.cli("INFO", "memory")),
      );
      const bytes = infos.map((info) => fieldOf(info, "used_memory"));
      return `${
        bytes.map((bytes) => (bytes / 1e6).toFixed(0)).join(", ")
      } MB of memory in ${servers.length} Redis`;
    },
  };
}

async function countOf(server: RedisServer): Promise<Counters> {
  const info = await server.cli("INFO", "everything");
  const calls = (command: string) =>
    Number(
      new RegExp(`^cmdstat_${command}:calls=(\\d+)`, "m").exec(info)?.[1] ?? 0,
    );
  return {
    commands: calls("evalsha") + calls("eval"),
    "published": calls("publish") + calls("spublish"),
    "bytes in": fieldOf(info, "total_net_input_bytes"),
    "bytes out": fieldOf(info, "total_net_output_bytes"),
    "bytes of log": fieldOf(info, "aof_current_size"),
    "us of Redis": 1e6 *
      (fieldOf(info, "used_cpu_user") + fieldOf(info, "used_cpu_sys")),
  };
}

function fieldOf(info: string, name: string): number {
  return Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1] ?? 0);
}

async function startPostgres(): Promise<Servers> {
  const server = await PostgresServer.start({
    settings: {
      fsync: "on",
      "shared_buffers": "512MB",
      "max_wal_size": "4GB",
      "max_connections": "120",
    },
  });
  return {
    args: [server.url],
    programs: [{ name: "PostgreSQL", pid: server.pid, hasOneThread: false }],
    fillers: 0,
    async fill(sessions) {
      await fillPostgres(server, {
        count: sessions,
        timeout: LASTING,
        // The numbers of sessions count from 0.
        uid: "md5('curfew ' || i - 1)",
        tokenHash: TOKEN_HASH,
        value: `j"${CART}"`,
      });
    },
    async count() {
      // The processes of Postgres hand their counts in when they are idle.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const [row] = await server.sql(`SELECT xact_commit::float8 AS commands,
        pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS "bytes of log",
        (SELECT wal_sync::float8 FROM pg_stat_wal) AS "waits for the disk"
        FROM pg_stat_database WHERE datname = 'postgres'`);
      return row as Counters;
    },
    async describe() {
      const [row] = await server.sql(`SELECT
        pg_table_size('curfew.curfew_session')::float8 / 1e6 AS table,
        pg_indexes_size('curfew.curfew_session')::float8 / 1e6 AS indexes,
        pg_total_relation_size('curfew.curfew_session_value')::float8 / 1e6
          AS values`);
      const sizes = row as Record<"table" | "indexes" | "values", number>;
      const [table, indexes, values] = [
        sizes.table,
        sizes.indexes,
        sizes.values,
      ].map((size) => size.toFixed(0));
      return `a table of ${table} MB with ${indexes} MB of indexes, and ${values} MB of values`;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function startSqlite(): Servers {
  const folder = Deno.makeTempDirSync({ prefix: "curfew-bench-" });
  const path = `${folder}/sessions.db`;
  const sizeOf = (file: string) => {
    try {
      return Deno.statSync(file).size;
    } catch {
      return 0;
    }
  };
  return {
    ...NOTHING,
    args: [path],
    // Only one process writes at a time.
    fillers: 1,
    describe: () =>
      Promise.resolve(
        `a file of ${(sizeOf(path) / 1e6).toFixed(0)} MB with a log of ${
          (sizeOf(`${path}-wal`) / 1e6).toFixed(0)
        } MB`,
      ),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}
