/**
 * The functions in the database that the others use.
 *
 * @module
 */

import { LONGEST_TAKEN, UID_TAKEN_FOR } from "../record.ts";

/** The statements that make these functions. */
export const RECORD_FUNCTIONS: string = `
CREATE FUNCTION @.now_ms() RETURNS double precision LANGUAGE sql VOLATILE AS $f$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::double precision
$f$;

CREATE FUNCTION @.deadline_of(
  s @.curfew_session, throttle double precision
) RETURNS double precision LANGUAGE sql IMMUTABLE AS $f$
  SELECT least(
    s.touched_at + s.session_timeout + throttle,
    coalesce(s.authenticated_at, s.created_at) + s.absolute_timeout
  )
$f$;

CREATE FUNCTION @.times_of(
  s @.curfew_session, now double precision, is_refused boolean DEFAULT false
) RETURNS text LANGUAGE sql STABLE AS $f$
  SELECT json_build_array(
    now, s.created_at, s.touched_at, s.deadline, s.version, is_refused
  )::text
$f$;

CREATE FUNCTION @.encode(
  s @.curfew_session, now double precision,
  before double precision DEFAULT NULL, is_changed boolean DEFAULT NULL
) RETURNS json LANGUAGE plpgsql STABLE AS $f$
BEGIN
  RETURN json_build_object(
    'row', row_to_json(s), 'now', now, 'before', before,
    'isChanged', is_changed, 'values', (
      SELECT json_agg(json_build_array(v.key, v.value))
      FROM @.curfew_session_value v WHERE v.session = s.id
    )
  );
END
$f$;

CREATE FUNCTION @.fade(
  tokens jsonb, generation integer, until double precision
) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $f$
BEGIN
  IF tokens = '[]' THEN RETURN tokens; END IF;
  RETURN (
    SELECT jsonb_agg(
      CASE WHEN (token->>1)::integer < generation AND token->>2 IS NULL
        THEN jsonb_build_array(token->0, token->1, nullif(until, 'Infinity'))
        ELSE token END
      ORDER BY place
    ) FROM jsonb_array_elements(tokens) WITH ORDINALITY all_tokens(token, place)
  );
END
$f$;

-- The row of the session is locked, so that no key is inserted twice.
CREATE FUNCTION @.set_values(id bigint, changes jsonb) RETURNS void
LANGUAGE plpgsql AS $f$
BEGIN
  UPDATE @.curfew_session_value v SET value = pair->>1
    FROM jsonb_array_elements(changes) pair
    WHERE v.session = id AND v.key = pair->>0 AND pair->>1 IS NOT NULL;
  INSERT INTO @.curfew_session_value (session, key, value)
    SELECT id, pair->>0, pair->>1 FROM jsonb_array_elements(changes) pair
    WHERE pair->>1 IS NOT NULL AND NOT EXISTS (
      SELECT FROM @.curfew_session_value v WHERE v.session = id AND v.key = pair->>0
    );
  DELETE FROM @.curfew_session_value v USING jsonb_array_elements(changes) pair
    WHERE v.session = id AND v.key = pair->>0 AND pair->>1 IS NULL;
END
$f$;

CREATE FUNCTION @.notify_earlier(
  due double precision, before double precision
) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF due < coalesce(before, 'Infinity') THEN
    PERFORM pg_notify('@channel', '');
  END IF;
END
$f$;
`;

/** Statements of a function that keep the uid of a session taken after its end. */
export const TAKE_UID = `
  INSERT INTO @.curfew_taken_uid (uid, free_at) VALUES (wanted,
    greatest(now, least(last, now + ${LONGEST_TAKEN})) + ${UID_TAKEN_FOR})
    ON CONFLICT (uid) DO UPDATE SET free_at = excluded.free_at;
  -- Two for each that is added, so that they become fewer.
  DELETE FROM @.curfew_taken_uid WHERE uid IN (
    SELECT uid FROM @.curfew_taken_uid WHERE free_at <= now
    ORDER BY free_at LIMIT 2 FOR UPDATE SKIP LOCKED
  );`;
