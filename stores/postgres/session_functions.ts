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

/** The statements that make these functions. */
export const SESSION_FUNCTIONS: string = `
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
    session_timeout, absolute_timeout, tokens, callbacks, principal, description,
    version
  ) VALUES (
    s.uid, s.is_secure, s.created_at, s.authenticated_at, s.touched_at,
    s.touched_at, s.deadline, s.deadline, (facts->>'generation')::integer,
    (facts->>'loginGeneration')::integer, (facts->>'isRenewalDue')::boolean,
    (facts->>'isRemembered')::boolean, s.session_timeout, s.absolute_timeout,
    facts->'tokens', facts->'callbacks', facts->>'principal',
    facts->>'description', coalesce((facts->>'version')::bigint, 1)
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
LANGUAGE plpgsql IMMUTABLE AS $f$
BEGIN
  IF wanted = '[]' THEN RETURN wanted; END IF;
  RETURN (
    SELECT jsonb_agg(jsonb_build_array(token->0, token->1, (
      SELECT former->2 FROM jsonb_array_elements(tokens) former
      WHERE former->0 = token->0 LIMIT 1
    )) ORDER BY place)
    FROM jsonb_array_elements(wanted) WITH ORDINALITY all_tokens(token, place)
  );
END
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
    -- To undo the last touch would undo an earlier one, which comes now, as well.
    s.touched_before := least(greatest(s.touched_before, visited), last_touch);
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
