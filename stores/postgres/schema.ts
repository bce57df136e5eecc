/**
 * The tables of a store in PostgreSQL.
 *
 * The tables have names of their own even without the schema, which is in the
 * search path of a role of the same name.
 *
 * Texts that may be any string of JavaScript are JSON, since Postgres has no NUL
 * and no lone surrogates. Times are UNIX milliseconds as `double precision`, for
 * they may be Infinity.
 *
 * @module
 */

import { END_FUNCTIONS } from "./end_functions.ts";
import { HOLD_FUNCTIONS } from "./hold_functions.ts";
import { RECORD_FUNCTIONS } from "./record_functions.ts";
import { SESSION_FUNCTIONS } from "./session_functions.ts";

/**
 * The steps from each version of the schema to the next, the first from none.
 * `@` stands for the name of the schema, `@channel` for that of the channel of
 * notifications, which is the same. Schemas of released versions start in
 * between: only add steps.
 *
 * - `due` is when an end can be claimed, or earlier: a touch moves the deadline
 *   only, so that no index changes (a HOT update), and `claim` moves `due` when it
 *   has passed. It is never later than the deadline. For an end it is when the
 *   lease runs out; Infinity for a dead letter.
 * - `reason` is null until the session ends; `fence` is null while the end is not
 *   claimed; `why` is the error of a dead letter.
 * - `tokens` has [hash, generation, until] of each; null stands for Infinity.
 * - `callbacks` has [id, name, argument] of each, as JSON texts.
 * - Texts may be longer than an index takes: only a part of a principal is in one.
 * - `curfew_hold_fence` has one row, with the last fencing number of all holds.
 * - `curfew_message` has the messages of the last seconds while nodes poll for
 *   them; `curfew_poll` has the time of the last poll. A crash may lose both, since
 *   messages are hints.
 * - A third of each page is left free for touches.
 */
const STEPS: readonly string[] = [
  `
CREATE TABLE @.curfew_session (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uid text NOT NULL UNIQUE,
  is_secure boolean NOT NULL,
  created_at double precision NOT NULL,
  authenticated_at double precision,
  touched_at double precision NOT NULL,
  touched_before double precision NOT NULL,
  deadline double precision NOT NULL,
  due double precision NOT NULL,
  version bigint NOT NULL DEFAULT 1,
  generation integer NOT NULL,
  login_generation integer NOT NULL,
  is_renewal_due boolean NOT NULL,
  is_remembered boolean NOT NULL,
  session_timeout double precision NOT NULL,
  absolute_timeout double precision NOT NULL,
  tokens jsonb NOT NULL,
  callbacks jsonb NOT NULL,
  principal text,
  description text,
  reason text,
  at double precision,
  attempt integer,
  fence text,
  why text,
  are_listeners_done boolean NOT NULL DEFAULT false,
  failing_since double precision
) WITH (
  fillfactor = 67,
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.05
);
CREATE INDEX curfew_session_by_due ON @.curfew_session (due);
CREATE INDEX curfew_session_by_principal ON @.curfew_session (left(principal, 100))
  WHERE principal IS NOT NULL;
CREATE TABLE @.curfew_session_value (
  session bigint NOT NULL,
  key text NOT NULL,
  value text NOT NULL
) WITH (fillfactor = 67);
CREATE INDEX curfew_session_value_by_session ON @.curfew_session_value (session);
CREATE TABLE @.curfew_taken_uid (
  uid text PRIMARY KEY,
  free_at double precision NOT NULL
);
CREATE INDEX curfew_taken_uid_by_time ON @.curfew_taken_uid (free_at);
CREATE TABLE @.curfew_hold_fence (
  id integer PRIMARY KEY,
  number bigint NOT NULL
);
CREATE UNLOGGED TABLE @.curfew_poll (
  id integer PRIMARY KEY,
  polled_at double precision NOT NULL
);
CREATE UNLOGGED TABLE @.curfew_message (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at double precision NOT NULL,
  message text NOT NULL
);
CREATE INDEX curfew_message_by_time ON @.curfew_message (at);
` + RECORD_FUNCTIONS + SESSION_FUNCTIONS + HOLD_FUNCTIONS + END_FUNCTIONS,
  `
CREATE FUNCTION @.acknowledge_ends(claims text) RETURNS text LANGUAGE sql AS $f$
  SELECT coalesce(json_agg(
    @.acknowledge_end(claim->>0, claim->>1) = '1' ORDER BY place
  ), '[]')::text
  FROM jsonb_array_elements(claims::jsonb) WITH ORDINALITY all_claims(claim, place)
$f$;
`,
  `
CREATE FUNCTION @.count_sessions() RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  now double precision := @.now_ms();
BEGIN
  RETURN (
    SELECT json_build_object(
      'sessions', count(*) FILTER (WHERE reason IS NULL AND deadline > now),
      'ends', count(*) FILTER (WHERE reason IS NOT NULL OR deadline <= now)
    )::text
    FROM @.curfew_session WHERE why IS NULL AND tokens <> '[]'
  );
END
$f$;
`,
];

/** The version of the schema that this package needs. */
export const SCHEMA_VERSION: number = STEPS.length;

/** Quotes a name for SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Returns the statement that makes the schema, or brings it up to date. It may be
 * run again, and by several processes at once.
 */
export function migrationOf(schema: string): string {
  const name = quoteName(schema);
  const channel = schema.replaceAll("'", "''");
  const steps = STEPS.map((step, index) => `
  IF version <= ${index} THEN
    ${
    runAs(
      step.replaceAll("@channel", () => channel).replaceAll("@", () => name),
    )
  }
    UPDATE ${name}.curfew_schema SET version = ${index + 1};
  END IF;`);
  return `DO $curfew$
DECLARE
  version integer;
BEGIN
  -- Other processes may start at the same time. The number is any.
  PERFORM pg_advisory_xact_lock(4840513);
  -- A role that owns the schema need not have the right to create one.
  IF to_regnamespace(${quoteText(name)}) IS NULL THEN
    CREATE SCHEMA ${name};
  END IF;
  IF to_regclass(${quoteText(`${name}.curfew_schema`)}) IS NULL THEN
    CREATE TABLE ${name}.curfew_schema (version integer NOT NULL);
    INSERT INTO ${name}.curfew_schema VALUES (0);
  END IF;
  SELECT s.version INTO version FROM ${name}.curfew_schema s;${steps.join("")}
END
$curfew$`;
}

/** The bodies of functions are quoted by $f$, and this block by $curfew$. */
function runAs(step: string): string {
  return `EXECUTE $step$${step}$step$;`;
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
