/**
 * The functions in the database that create, load and commit sessions.
 *
 * Each call of the store is one of them, and so one statement. Their arguments are
 * texts and numbers only, since clients encode JSON each in a way of its own. A function locks
 * the row first and reads the clock then: a call that has waited past the deadline
 * finds the session over. The rules are those of `record.ts`.
 *
 * @module
 */

import { LONGEST_TAKEN, UID_TAKEN_FOR } from "../record.ts";

/** Functions that others use. */
const SHARED = `
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
) RETURNS text LANGUAGE sql IMMUTABLE AS $f$
  SELECT json_build_array(
    now, s.created_at, s.touched_at, s.deadline, s.version, is_refused
  )::text
$f$;

CREATE FUNCTION @.encode(
  s @.curfew_session, now double precision,
  before double precision DEFAULT NULL, is_changed boolean DEFAULT NULL
) RETURNS json LANGUAGE sql STABLE AS $f$
  SELECT json_build_object(
    'row', row_to_json(s), 'now', now, 'before', before,
    'isChanged', is_changed, 'values', (
      SELECT json_agg(json_build_array(v.key, v.value))
      FROM @.curfew_session_value v WHERE v.session = s.id
    )
  )
$f$;

CREATE FUNCTION @.fade(
  tokens jsonb, generation integer, until double precision
) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $f$
  SELECT coalesce(jsonb_agg(
    CASE WHEN (token->>1)::integer < generation AND token->>2 IS NULL
      THEN jsonb_build_array(token->0, token->1, nullif(until, 'Infinity'))
      ELSE token END
    ORDER BY place
  ), '[]') FROM jsonb_array_elements(tokens) WITH ORDINALITY all_tokens(token, place)
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

/** Functions of the store's own names. */
const CALLS = `
CREATE FUNCTION @.create_session(encoded text) RETURNS text
LANGUAGE plpgsql AS $f$
DECLARE
  facts jsonb := encoded;
  s @.curfew_session;
  now double precision;
  before double precision;
BEGIN
  SELECT min(due) INTO before FROM @.curfew_session;
  now := @.now_ms();
  s.uid := facts->>'uid';
  s.is_secure := facts->>'isSecure';
  s.created_at := now - (facts->>'age')::double precision;
  s.authenticated_at := now - (facts->>'loginAge')::double precision;
  s.touched_at := now - (facts->>'idle')::double precision;
  s.session_timeout := facts->>'sessionTimeout';
  s.absolute_timeout := facts->>'absoluteTimeout';
  s.deadline := @.deadline_of(s, (facts->>'throttle')::double precision);
  INSERT INTO @.curfew_session AS i (
    uid, is_secure, created_at, authenticated_at, touched_at, touched_before,
    deadline, due, generation, login_generation, is_renewal_due, is_remembered,
    session_timeout, absolute_timeout, tokens, callbacks, principal, description
  ) VALUES (
    s.uid, s.is_secure, s.created_at, s.authenticated_at, s.touched_at,
    s.touched_at, s.deadline, s.deadline, (facts->>'generation')::integer,
    (facts->>'loginGeneration')::integer, (facts->>'isRenewalDue')::boolean,
    (facts->>'isRemembered')::boolean, s.session_timeout, s.absolute_timeout,
    facts->'tokens', facts->'callbacks', facts->>'principal',
    facts->>'description'
  ) ON CONFLICT (uid) DO NOTHING RETURNING i.* INTO s;
  IF s.id IS NULL THEN RETURN NULL; END IF;
  -- Afterwards, since the insertion may have waited for an acknowledgement.
  IF EXISTS (
    SELECT FROM @.curfew_taken_uid t WHERE t.uid = s.uid AND t.free_at > now
  ) THEN
    DELETE FROM @.curfew_session WHERE id = s.id;
    RETURN NULL;
  END IF;
  PERFORM @.set_values(s.id, facts->'values');
  PERFORM @.notify_earlier(s.deadline, before);
  RETURN @.times_of(s, now);
END
$f$;

CREATE FUNCTION @.load_session(
  wanted text, hash text, is_touch integer, grace double precision,
  throttle double precision
) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  s @.curfew_session;
  now double precision;
  before double precision;
  found_generation integer;
  is_changed boolean := false;
BEGIN
  IF hash = '' THEN
    SELECT * INTO s FROM @.curfew_session WHERE uid = wanted;
  ELSE
    SELECT * INTO s FROM @.curfew_session WHERE uid = wanted FOR NO KEY UPDATE;
  END IF;
  now := @.now_ms();
  IF s.id IS NULL OR s.reason IS NOT NULL OR now >= s.deadline THEN
    RETURN NULL;
  END IF;
  before := s.touched_at;
  SELECT (token->>1)::integer INTO found_generation
    FROM jsonb_array_elements(s.tokens) token
    WHERE token->>0 = hash
      AND now < coalesce((token->>2)::double precision, 'Infinity') LIMIT 1;
  IF found_generation > s.generation THEN
    s.generation := found_generation;
    s.tokens := @.fade(s.tokens, found_generation, now + grace);
    s.version := s.version + 1;
    is_changed := true;
  END IF;
  IF is_touch = 1 AND found_generation >= s.login_generation
      AND now > s.touched_before + throttle THEN
    s.touched_before := s.touched_at;
    s.touched_at := greatest(s.touched_at, now);
    s.deadline := @.deadline_of(s, throttle);
    IF NOT is_changed THEN
      UPDATE @.curfew_session u SET
        touched_at = s.touched_at, touched_before = s.touched_before,
        deadline = s.deadline
      WHERE u.id = s.id;
    END IF;
  END IF;
  IF is_changed THEN
    UPDATE @.curfew_session u SET
      generation = s.generation, tokens = s.tokens, version = s.version,
      touched_at = s.touched_at, touched_before = s.touched_before,
      deadline = s.deadline
    WHERE u.id = s.id;
  END IF;
  RETURN @.encode(s, now, before, is_changed)::text;
END
$f$;

CREATE FUNCTION @.is_same_call(one jsonb, other jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $f$
  SELECT one->1 = other->1 AND one->2 = other->2
$f$;

CREATE FUNCTION @.callbacks_after(callbacks jsonb, changes jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $f$
DECLARE
  list jsonb := callbacks;
  added jsonb;
  place bigint;
BEGIN
  FOR added IN SELECT a FROM jsonb_array_elements(changes->'added') a LOOP
    SELECT min(p) INTO place
      FROM jsonb_array_elements(list) WITH ORDINALITY all_callbacks(one, p)
      WHERE one->0 = added->0
        OR one->>0 = '""' AND @.is_same_call(one, added);
    IF place IS NULL THEN
      list := list || jsonb_build_array(added);
    ELSE
      list := jsonb_set(list, ARRAY[(place - 1)::text], added);
    END IF;
  END LOOP;
  RETURN coalesce((
    SELECT jsonb_agg(one ORDER BY p)
    FROM jsonb_array_elements(list) WITH ORDINALITY all_callbacks(one, p)
    WHERE NOT EXISTS (
      SELECT FROM jsonb_array_elements(changes->'removed') removed
      WHERE removed->0 = one->0 AND @.is_same_call(removed, one)
    )
  ), '[]');
END
$f$;

CREATE FUNCTION @.tokens_after(tokens jsonb, wanted jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $f$
  SELECT coalesce(jsonb_agg(jsonb_build_array(token->0, token->1, (
    SELECT former->2 FROM jsonb_array_elements(tokens) former
    WHERE former->0 = token->0 LIMIT 1
  )) ORDER BY place), '[]')
  FROM jsonb_array_elements(wanted) WITH ORDINALITY all_tokens(token, place)
$f$;

CREATE FUNCTION @.commit_session(
  wanted text, encoded text, throttle double precision
) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  changes jsonb := encoded;
  s @.curfew_session;
  now double precision;
  before double precision;
  former_due double precision;
  last_touch double precision;
  visited double precision;
  access jsonb := changes->'access';
  taken_back jsonb := changes->'takenBack';
BEGIN
  SELECT * INTO s FROM @.curfew_session WHERE uid = wanted FOR NO KEY UPDATE;
  now := @.now_ms();
  IF s.id IS NULL OR s.reason IS NOT NULL OR now >= s.deadline THEN
    RETURN NULL;
  END IF;
  IF (changes->>'version')::bigint <> s.version
      OR now >= (changes->>'until')::double precision THEN
    RETURN @.times_of(s, now, true);
  END IF;
  last_touch := s.touched_at;
  IF (taken_back->>'touchedAt')::double precision = s.touched_at
      AND (taken_back->>'before')::double precision = s.touched_before THEN
    last_touch := coalesce(taken_back->>'to', taken_back->>'before');
  END IF;
  visited := now - (changes->>'idle')::double precision;
  IF visited >= last_touch THEN
    s.touched_at := visited;
    s.touched_before := last_touch;
  ELSE
    s.touched_at := last_touch;
    s.touched_before := least(s.touched_before, last_touch);
  END IF;
  IF access IS NOT NULL THEN
    s.principal := access->>'principal';
    s.generation := access->>'generation';
    s.login_generation := access->>'loginGeneration';
    s.is_renewal_due := access->>'isRenewalDue';
    s.is_remembered := access->>'isRemembered';
    s.authenticated_at := coalesce(
      now - (access->>'loginAge')::double precision, s.authenticated_at
    );
    s.tokens := @.fade(
      @.tokens_after(s.tokens, access->'tokens'), s.generation,
      now + (access->>'grace')::double precision
    );
  END IF;
  s.session_timeout := coalesce(
    (changes->>'sessionTimeout')::double precision, s.session_timeout
  );
  s.absolute_timeout := coalesce(
    (changes->>'absoluteTimeout')::double precision, s.absolute_timeout
  );
  IF changes->'added' IS NOT NULL OR changes->'removed' IS NOT NULL THEN
    s.callbacks := @.callbacks_after(s.callbacks, changes);
  END IF;
  s.description := coalesce(changes->>'description', s.description);
  s.deadline := @.deadline_of(s, throttle);
  s.version := s.version + (changes->>'raise')::integer;
  former_due := s.due;
  s.due := least(s.due, s.deadline);
  IF s.due < former_due THEN SELECT min(due) INTO before FROM @.curfew_session; END IF;
  UPDATE @.curfew_session u SET
    touched_at = s.touched_at, touched_before = s.touched_before,
    deadline = s.deadline, due = s.due, version = s.version,
    principal = s.principal, generation = s.generation,
    login_generation = s.login_generation, is_renewal_due = s.is_renewal_due,
    is_remembered = s.is_remembered, authenticated_at = s.authenticated_at,
    tokens = s.tokens, callbacks = s.callbacks, description = s.description,
    session_timeout = s.session_timeout, absolute_timeout = s.absolute_timeout
  WHERE u.id = s.id;
  IF changes->'values' IS NOT NULL THEN
    PERFORM @.set_values(s.id, changes->'values');
  END IF;
  IF s.due < former_due THEN PERFORM @.notify_earlier(s.due, before); END IF;
  RETURN @.times_of(s, now);
END
$f$;

CREATE FUNCTION @.uids_of(wanted text) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
  RETURN (
    SELECT json_agg(uid ORDER BY created_at, id)::text FROM @.curfew_session
    WHERE left(principal, 100) = left(wanted, 100) AND principal = wanted
      AND reason IS NULL AND deadline > @.now_ms()
  );
END
$f$;
`;

/** What keeps the uid of a session taken that had the deadline `last`. */
export const TAKE_UID = `
  INSERT INTO @.curfew_taken_uid (uid, free_at) VALUES (wanted,
    greatest(now, least(last, now + ${LONGEST_TAKEN})) + ${UID_TAKEN_FOR})
    ON CONFLICT (uid) DO UPDATE SET free_at = excluded.free_at;
  -- Two for each that is added, so that they become fewer.
  DELETE FROM @.curfew_taken_uid WHERE uid IN (
    SELECT uid FROM @.curfew_taken_uid WHERE free_at <= now
    ORDER BY free_at LIMIT 2 FOR UPDATE SKIP LOCKED
  );`;

/** The statements that make these functions. */
export const SESSION_FUNCTIONS: string = SHARED + CALLS;
