import { PostgresServer } from "../../tests/helpers_postgres.ts";
import { RedisServer } from "../../tests/helpers_redis.ts";
import { pathOf, PYTHON } from "../programs.ts";
import { installPackages } from "./packages.ts";

/** Ways to know that a session has ended. */
export interface Contender {
  readonly name: string;
  /** Whether it is a part of this project. */
  readonly isOurs: boolean;
  /** The processes that tell of ends: two, where they can share the work. */
  readonly tellers: 1 | 2;
  /**
   * Seconds after the last deadline for which missing ends are awaited: longer than
   * the intervals and leases of the contender.
   */
  readonly patience: number;
  /** Returns why it cannot be run here; undefined if it can. */
  missing(): Promise<string | undefined>;
  /** Prepares one measurement. */
  start(): Promise<Teller>;
}

/** A command that makes sessions, and tells of their ends. */
export interface Teller extends AsyncDisposable {
  /** The command; the role and the times come after `head`, then `tail`. */
  readonly command: string;
  readonly head: readonly string[];
  readonly tail: readonly string[];
}

/** Where Debian has the classes of Tomcat. */
const JARS = "/usr/share/java";

const ON_NODE: Pick<Contender, "isOurs" | "tellers" | "missing"> = {
  isOurs: false,
  tellers: 1,
  missing: missingForNode,
};

/** All contenders, those of this project last. */
export const CONTENDERS: readonly Contender[] = [
  {
    name: "express-session, MemoryStore",
    ...ON_NODE,
    patience: 10,
    start: () => Promise.resolve(node("express_session.mjs")),
  },
  {
    name: "express-session, connect-redis",
    ...ON_NODE,
    patience: 10,
    missing: missingForNodeAndRedis,
    start: () => onRedis((url) => node("express_session.mjs", url)),
  },
  {
    name: "Redis keyspace notifications",
    ...ON_NODE,
    patience: 30,
    missing: missingForNodeAndRedis,
    start: () => onRedis((url) => node("keyspace.mjs", url)),
  },
  {
    name: "BullMQ, a delayed job each",
    ...ON_NODE,
    tellers: 2,
    patience: 70,
    missing: missingForNodeAndRedis,
    start: () => onRedis((url) => node("bullmq.mjs", url)),
  },
  {
    name: "Tomcat",
    isOurs: false,
    tellers: 1,
    patience: 70,
    missing: async () =>
      await missingProgram("java", "-version") ??
        (jars() === undefined ? "Debian's libtomcat10-embed-java" : undefined),
    start: () =>
      Promise.resolve(
        alone("java", [
          "-cp",
          jars() ?? "",
          pathOf("ends/tellers/tomcat.java"),
        ]),
      ),
  },
  {
    name: "Twisted Web",
    isOurs: false,
    tellers: 1,
    patience: 3,
    missing: async () =>
      await missingProgram(PYTHON, "-c", "import twisted") === undefined
        ? undefined
        : "Debian's python3-twisted",
    start: () =>
      Promise.resolve(alone(PYTHON, [pathOf("ends/tellers/twisted_web.py")])),
  },
  {
    ...curfew("in memory"),
    tellers: 1,
    patience: 3,
    missing: () => Promise.resolve(undefined),
    start: () => Promise.resolve(deno()),
  },
  {
    ...curfew("SQLite"),
    missing: () => Promise.resolve(undefined),
    start: () => {
      const folder = Deno.makeTempDirSync({ prefix: "curfew-bench-" });
      const dispose = () => Deno.remove(folder, { recursive: true });
      const teller = deno(`sqlite:${folder}/sessions.db`);
      return Promise.resolve({ ...teller, [Symbol.asyncDispose]: dispose });
    },
  },
  {
    ...curfew("Redis"),
    missing: () => missingProgram("redis-server", "--version"),
    start: () => onRedis(deno),
  },
  {
    ...curfew("PostgreSQL"),
    missing: async () =>
      await missingProgram("ls", "/usr/lib/postgresql") === undefined
        ? undefined
        : "Debian's postgresql",
    start: async () => {
      const server = await PostgresServer.start({ settings: { fsync: "on" } });
      return {
        ...deno(server.url),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  },
];

/** Another process delivers a claimed end when the lease of 10 s has run out. */
function curfew(
  place: string,
): Pick<Contender, "name" | "isOurs" | "tellers" | "patience"> {
  return { name: `Curfew, ${place}`, isOurs: true, tellers: 2, patience: 30 };
}

async function missingForNode(): Promise<string | undefined> {
  return await missingProgram("node", "--version") ?? await installPackages();
}

async function missingForNodeAndRedis(): Promise<string | undefined> {
  return await missingProgram("redis-server", "--version") ??
    await missingForNode();
}

async function missingProgram(
  program: string,
  ...args: string[]
): Promise<string | undefined> {
  try {
    const { success } = await new Deno.Command(program, { args }).output();
    return success ? undefined : program;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return program;
  }
}

/** Returns the class path of Tomcat; undefined if it is not installed. */
function jars(): string | undefined {
  try {
    const names = [...Deno.readDirSync(JARS)].map(({ name }) => name);
    const found = ["tomcat10-embed-core.jar", "tomcat10-annotations-api.jar"]
      .filter((name) => names.includes(name));
    return found.length === 2
      ? found.map((name) => `${JARS}/${name}`).join(":")
      : undefined;
  } catch {
    return undefined;
  }
}

function alone(
  command: string,
  head: readonly string[],
  ...tail: readonly string[]
): Teller {
  const dispose = () => Promise.resolve();
  return { command, head, tail, [Symbol.asyncDispose]: dispose };
}

function node(file: string, ...tail: readonly string[]): Teller {
  return alone("node", [pathOf(`ends/tellers/${file}`)], ...tail);
}

function deno(...tail: readonly string[]): Teller {
  const head = ["run", "--allow-all", pathOf("ends/tellers/curfew.ts")];
  return alone(Deno.execPath(), head, ...tail);
}

/** Starts a Redis that keeps its data, as sessions need. */
async function onRedis(teller: (url: string) => Teller): Promise<Teller> {
  const settings = ["--appendonly", "yes"];
  const server = await RedisServer.start({ settings });
  return {
    ...teller(server.url),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
