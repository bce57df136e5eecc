import { type FunctionRunner, refuseUnfit } from "./function_runner.ts";

/** A difference of clocks of more milliseconds than this is reported. */
const CLOCK_TOLERANCE = 1000;

/**
 * Checks a server, and makes the schema if it is missing.
 *
 * @returns a sentence for each setting that may lose sessions or delay ends.
 * @throws {RangeError} If the server would lose sessions.
 */
export async function checkPostgres(
  runner: FunctionRunner,
): Promise<readonly string[]> {
  const asked = Date.now();
  const facts = await runner.inspect();
  const answered = Date.now();
  refuseUnfit(facts);
  await runner.prepare();
  const sentences: string[] = [];
  const off = facts.now - (asked + answered) / 2;
  if (Math.abs(off) > CLOCK_TOLERANCE + (answered - asked) / 2) {
    sentences.push(
      `The clock of Postgres is ${Math.round(Math.abs(off) / 1000)} s ${
        off > 0 ? "ahead of" : "behind"
      } this machine's: sessions end by the clock of Postgres, and times are shown by it`,
    );
  }
  if (!facts.isDurable) {
    sentences.push(
      "Postgres does not wait for its disk: after a crash the last writes are lost, and sessions that ended since then are back: set fsync and synchronous_commit to on",
    );
  }
  if (!["UTF8", "SQL_ASCII"].includes(facts.encoding)) {
    sentences.push(
      `The database has the encoding "${facts.encoding}": a session with a text that it lacks is refused: use a database with the encoding "UTF8"`,
    );
  }
  return sentences;
}
