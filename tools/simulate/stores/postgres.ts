import { PGlite } from "@electric-sql/pglite";
import {
  fromPGlite,
  type PostgresClient,
} from "../../../stores/postgres/client.ts";
import { PostgresStore } from "../../../stores/postgres_store.ts";
import {
  LOOK,
  type SimulatedStore,
  type StoreClock,
  type StoreMaker,
} from "../stores.ts";

/** The functions of the store read this clock. */
const SIMULATED_CLOCK = `
CREATE OR REPLACE FUNCTION curfew.now_ms() RETURNS double precision
LANGUAGE sql VOLATILE AS $f$
  SELECT current_setting('simulation.now')::double precision
$f$`;

const EMPTY = `
TRUNCATE curfew.curfew_session, curfew.curfew_session_value,
  curfew.curfew_taken_uid RESTART IDENTITY`;

/** To open it takes seconds. */
let database: Promise<PGlite> | undefined;

/** Makes a PostgreSQL within the process, whose time is the simulated one. */
export async function postgresMaker(): Promise<StoreMaker> {
  return new PostgresMaker(await (database ??= openDatabase()));
}

async function openDatabase(): Promise<PGlite> {
  const database = await PGlite.create();
  const store = new PostgresStore({ client: fromPGlite(database) });
  await store.check();
  await database.exec(SIMULATED_CLOCK);
  return database;
}

class PostgresMaker implements StoreMaker {
  readonly hasTimers = true;
  readonly #database: PGlite;
  /** Stops the programs of the last run from listening. */
  #unlisten: (() => Promise<void>)[] = [];

  constructor(database: PGlite) {
    this.#database = database;
  }

  async make(clock: StoreClock): Promise<SimulatedStore> {
    await this[Symbol.asyncDispose]();
    await this.#database.exec(EMPTY);
    const open = () => new PostgresStore({ client: this.#connect(clock) });
    const own = open();
    // The schema is looked at before the first call.
    await own.nextIn();
    return {
      isRemote: true,
      open,
      peek: (uid) => own.load(uid, LOOK),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const unlisten of this.#unlisten.splice(0)) await unlisten();
  }

  /** Returns a client that sends the time with each statement. */
  #connect(clock: StoreClock): PostgresClient {
    const { query, run, listen } = fromPGlite(this.#database);
    return {
      query: ({ text, values, name }) =>
        query({
          text: `SELECT answer FROM (
            SELECT set_config('simulation.now', $${values.length + 1}, false)
              AS clock OFFSET 0
          ) first, LATERAL (${text} WHERE clock IS NOT NULL) second`,
          values: [...values, String(clock.now())],
          name,
        }),
      run,
      listen: async (channel, listener) => {
        const unlisten = await listen!(channel, listener);
        this.#unlisten.push(unlisten);
        return unlisten;
      },
    };
  }
}
