import { DatabaseSync } from "node:sqlite";
import { RedisServer } from "../../tests/helpers_redis.ts";
import { type Cut, Proxy } from "./proxy.ts";

/** Where the sessions are, and what can be done to it. */
export interface Backend extends AsyncDisposable {
  readonly kind: "redis" | "sqlite";
  /** What nodes are told of it. */
  readonly location: string;
  /** Cuts the line of all nodes; undefined where there is none. */
  readonly cut?: (how: Cut) => void;
  /** Mends it. */
  readonly mend?: () => void;
  /** Kills it, and starts it again after so many milliseconds. */
  readonly restart?: (pause: number) => Promise<void>;
  /** How many sessions it still has, those whose end is to be told too. */
  countSessions(): Promise<number>;
}

/** Linux has a folder in memory there. */
const MEMORY = "/dev/shm";

/**
 * A Redis of our own behind a proxy of our own.
 *
 * Its log is written to disk before each answer (`appendfsync always`): what has
 * been answered is to outlast a `kill -9`. With `everysec`, a Redis that waits for
 * the disk answers up to two seconds before it writes, so that it would be its
 * losses that are counted. The log lies in memory that outlasts the process, as
 * it is not the machine that dies: how fast its disk is, is not the subject.
 */
export async function startRedis(): Promise<Backend> {
  const folder = await Deno.makeTempDir({ dir: MEMORY });
  const server = await RedisServer.start({
    settings: [
      ...["--dir", folder],
      ...["--appendonly", "yes", "--appendfsync", "always"],
    ],
  });
  const proxy = new Proxy(server.port);
  return {
    kind: "redis",
    location: `redis://127.0.0.1:${proxy.port}`,
    cut: (how) => proxy.cut(how),
    mend: () => proxy.mend(),
    async restart(pause) {
      await server.kill();
      await new Promise((resolve) => setTimeout(resolve, pause));
      await server.restart();
    },
    async countSessions() {
      const count = `return #redis.call("KEYS", "*:s:*")`;
      return Number(await server.cli("EVAL", count, "0"));
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A file in a folder, which goes with the folder. */
export function openSqlite(folder: string): Backend {
  const path = `${folder}/sessions.db`;
  return {
    kind: "sqlite",
    location: path,
    // deno-lint-ignore require-await -- as the other is
    async countSessions() {
      using database = new DatabaseSync(path, { readOnly: true });
      const row = database.prepare("SELECT count(*) AS n FROM session").get();
      return row!.n as number;
    },
    async [Symbol.asyncDispose]() {},
  };
}
