import { TOUCH } from "./new_session.ts";
import type { PostgresServer } from "../tests/helpers_postgres.ts";

/** The sessions that {@linkcode fillPostgres} makes. */
export interface Filling {
  readonly count: number;
  /** Milliseconds without a visit after which they end. */
  readonly timeout: number;
  /**
   * The uid of each in SQL, made of its number `i`, which counts from 1.
   *
   * @default {"'s' || i"}
   */
  readonly uid?: string;
  /**
   * The hash of the secret in their tokens.
   *
   * @default {TOUCH.tokenHash}
   */
  readonly tokenHash?: string;
  /**
   * A value of each, as `j` and JSON.
   *
   * @default {undefined}
   */
  readonly value?: string;
}

/** Makes many sessions by SQL, in a store that is ready; ten for each principal. */
export async function fillPostgres(
  server: PostgresServer,
  filling: Filling,
): Promise<void> {
  const { count, timeout, value } = filling;
  const { uid = "'s' || i", tokenHash = TOUCH.tokenHash } = filling;
  await server.sql(
    `INSERT INTO curfew.curfew_session (
      uid, is_secure, created_at, touched_at, touched_before, deadline, due,
      generation, login_generation, is_renewal_due, is_remembered,
      session_timeout, absolute_timeout, tokens, callbacks, principal
    ) SELECT ${uid}, false, now_ms, now_ms, now_ms, now_ms + $1, now_ms + $1,
      0, 0, false, false, $1, 'Infinity',
      jsonb_build_array(jsonb_build_array($2::text, 0, null)), '[]',
      '"user-' || i / 10 || '"'
    FROM generate_series(1, $3) i, curfew.now_ms() now_ms`,
    [timeout, tokenHash, count],
  );
  if (value !== undefined) {
    await server.sql(
      `INSERT INTO curfew.curfew_session_value (session, key, value)
        SELECT id, '"cart"', $1 FROM curfew.curfew_session`,
      [JSON.stringify(value)],
    );
    await server.sql("VACUUM ANALYZE curfew.curfew_session_value");
  }
  await server.sql("VACUUM ANALYZE curfew.curfew_session");
  // Otherwise the server still writes them to its disk during the measurement.
  await server.sql("CHECKPOINT");
}
