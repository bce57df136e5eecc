import { DatabaseSync } from "node:sqlite";
import { PostgresServer } from "../../tests/helpers_postgres.ts";
import { RedisServer } from "../../tests/helpers_redis.ts";
import { Proxy } from "./proxy.ts";
import { startCluster } from "./redis_cluster.ts";
import {
  type CauseFault,
  cutsOf,
  restart,
  type StoreFault,
} from "./store_faults.ts";

/** The kinds of stores. */
export const BACKENDS = ["redis", "cluster", "sqlite", "postgres"] as const;

/** A kind of store. */
export type BackendKind = typeof BACKENDS[number];

/** The program or file that stores the sessions, and its faults. */
export interface Backend extends AsyncDisposable {
  readonly kind: BackendKind;
  /** The URL or path for the nodes; a `nodeAddressMap` for those of a cluster. */
  readonly location: string;
  /** The faults that this store can have, in the order in which they are caused. */
  readonly faults: Readonly<Partial<Record<StoreFault, CauseFault>>>;
  /** Returns the number of sessions, including those with an end to deliver. */
  countSessions(): Promise<number>;
}

/** Opens a store; the caller removes the folder. */
export async function openBackend(
  kind: BackendKind,
  folder: string,
): Promise<Backend> {
  switch (kind) {
    case "redis":
      return await startRedis();
    case "cluster":
      return await startCluster(MEMORY, DURABLE);
    case "sqlite":
      return openSqlite(folder);
    case "postgres":
      return await startPostgres();
  }
}

/**
 * A folder in memory, on Linux. It survives the processes: only they are killed, and
 * the speed of the disk does not matter.
 */
const MEMORY = "/dev/shm";

/**
 * Makes Redis write its log before each reply, so that a confirmed write survives
 * `kill -9`. With `everysec` Redis replies up to two seconds before it writes, and
 * the test would count the losses of Redis.
 */
const DURABLE = ["--appendonly", "yes", "--appendfsync", "always"] as const;

/** Starts a Redis behind a proxy. */
async function startRedis(): Promise<Backend> {
  const server = await RedisServer.start({ folder: MEMORY, settings: DURABLE });
  const proxy = new Proxy(server.port);
  return {
    kind: "redis",
    location: `redis://127.0.0.1:${proxy.port}`,
    faults: {
      restart: (lasting) => restart(server, lasting),
      ...cutsOf([proxy]),
    },
    async countSessions() {
      const count = `return #redis.call("KEYS", "*:s:*")`;
      return Number(await server.cli("EVAL", count, "0"));
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/**
 * Starts a Postgres behind a proxy. It waits for its disk before each reply, which
 * is in memory here, as for Redis.
 */
async function startPostgres(): Promise<Backend> {
  const server = await PostgresServer.start({
    folder: MEMORY,
    settings: { fsync: "on", "max_connections": "100" },
  });
  const proxy = new Proxy(server.port);
  return {
    kind: "postgres",
    location: `postgres://curfew@127.0.0.1:${proxy.port}/postgres`,
    faults: {
      restart: (lasting) => restart(server, lasting),
      ...cutsOf([proxy]),
    },
    async countSessions() {
      const [row] = await server.sql(
        "SELECT count(*)::integer AS n FROM curfew.curfew_session",
      );
      return (row as { n: number }).n;
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Returns a backend with a database file in a folder; the caller removes it. */
function openSqlite(folder: string): Backend {
  const path = `${folder}/sessions.db`;
  return {
    kind: "sqlite",
    location: path,
    faults: {},
    // deno-lint-ignore require-await -- implements an asynchronous interface
    async countSessions() {
      using database = new DatabaseSync(path, { readOnly: true });
      // Rows of acknowledged sessions keep their uids taken.
      const row = database.prepare(
        "SELECT count(*) AS n FROM session WHERE freeAt IS NULL",
      ).get();
      return row!.n as number;
    },
    async [Symbol.asyncDispose]() {},
  };
}
