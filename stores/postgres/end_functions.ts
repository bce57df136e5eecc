/**
 * The functions in the database for the ends of sessions.
 *
 * @module
 */

import { TAKE_UID } from "./record_functions.ts";

/** The most sessions that one claim looks at. */
const MOST_MOVED = 1000;

/** Milliseconds for which messages are kept after a poll. */
const POLLS_STAY = 30_000;

/** The statements that make these functions. */
export const END_FUNCTIONS: string = `
-- Sends messages in a transaction of their own, which does not wait for the disk:
-- Postgres commits transactions that notify one after another. Messages are kept only
-- while some node polls for them.
CREATE FUNCTION @.notify(messages text) RETURNS text
LANGUAGE plpgsql AS $f$
DECLARE
  message text;
  now double precision := @.now_ms();
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  FOR message IN SELECT json_array_elements_text(messages::json) LOOP
    -- Postgres refuses longer ones. Notifications are hints.
    IF octet_length(message) < 8000 THEN
      PERFORM pg_notify('@channel', message);
    END IF;
  END LOOP;
  IF EXISTS (SELECT FROM @.curfew_poll WHERE polled_at > now - ${POLLS_STAY}) THEN
    INSERT INTO @.curfew_message (at, message)
      SELECT now, m FROM json_array_elements_text(messages::json) m;
  END IF;
  RETURN '';
END
$f$;

-- Answers some messages again: those of transactions that were open at the last poll.
CREATE FUNCTION @.poll_messages(since double precision) RETURNS text
LANGUAGE plpgsql AS $f$
DECLARE
  now double precision := @.now_ms();
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO @.curfew_poll AS p (id, polled_at) VALUES (1, now)
    ON CONFLICT (id) DO UPDATE SET polled_at = excluded.polled_at
    WHERE p.polled_at < excluded.polled_at - ${POLLS_STAY} / 6;
  DELETE FROM @.curfew_message WHERE id IN (
    SELECT id FROM @.curfew_message WHERE at < now - ${POLLS_STAY}
    ORDER BY at LIMIT ${MOST_MOVED} FOR UPDATE SKIP LOCKED
  );
  RETURN json_build_object(
    'now', now, 'next', (SELECT min(due) FROM @.curfew_session),
    'messages', (
      SELECT json_agg(json_build_array(id, message)) FROM @.curfew_message
      WHERE since >= 0 AND at >= since - 1000
    )
  )::text;
END
$f$;

CREATE FUNCTION @.end_session(
  wanted text, why_ended text, lease double precision
) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  s @.curfew_session;
  now double precision;
BEGIN
  SELECT * INTO s FROM @.curfew_session WHERE uid = wanted FOR NO KEY UPDATE;
  now := @.now_ms();
  IF s.id IS NULL OR s.reason IS NOT NULL OR now >= s.deadline THEN
    RETURN NULL;
  END IF;
  UPDATE @.curfew_session u SET
    reason = why_ended, at = now, attempt = 1,
    fence = gen_random_uuid()::text, due = now + lease
  WHERE u.id = s.id RETURNING u.* INTO s;
  RETURN @.encode(s, now)::text;
END
$f$;

CREATE FUNCTION @.next_in() RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  next double precision;
BEGIN
  SELECT min(due) INTO next FROM @.curfew_session;
  RETURN greatest(0, coalesce(next, 'Infinity') - @.now_ms())::text;
END
$f$;

CREATE FUNCTION @.claim_ends(
  lease double precision, most integer
) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  s @.curfew_session;
  now double precision := @.now_ms();
  next double precision;
  ends text[] := '{}';
BEGIN
  SELECT min(due) INTO next FROM @.curfew_session;
  IF next <= now THEN
    FOR s IN
      SELECT * FROM @.curfew_session WHERE due <= now
      ORDER BY due LIMIT ${MOST_MOVED} FOR NO KEY UPDATE SKIP LOCKED
    LOOP
      IF s.reason IS NULL AND now < s.deadline THEN
        UPDATE @.curfew_session u SET due = u.deadline WHERE u.id = s.id;
        CONTINUE;
      END IF;
      EXIT WHEN cardinality(ends) = most;
      UPDATE @.curfew_session u SET
        reason = coalesce(u.reason, CASE
          WHEN coalesce(u.authenticated_at, u.created_at) + u.absolute_timeout
            <= u.deadline THEN '"absolute"' ELSE '"idle"' END),
        at = coalesce(u.at, u.deadline),
        attempt = coalesce(u.attempt, 0) + 1,
        fence = gen_random_uuid()::text,
        due = now + lease
      WHERE u.id = s.id RETURNING u.* INTO s;
      ends := ends || @.encode(s, now)::text;
    END LOOP;
    SELECT min(due) INTO next FROM @.curfew_session;
  END IF;
  RETURN json_build_object(
    'ends', array_to_json(ends::json[]),
    -- What is due and not claimed is locked by a node that claims it now.
    'nextIn', greatest(
      CASE WHEN next <= now AND ends = '{}' THEN 5 ELSE 0 END,
      coalesce(next, 'Infinity') - now
    )
  )::text;
END
$f$;

CREATE FUNCTION @.renew_claim(
  wanted text, held text, lease double precision
) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
  UPDATE @.curfew_session SET due = @.now_ms() + lease
    WHERE uid = wanted AND fence = held;
  RETURN CASE WHEN found THEN '1' ELSE '' END;
END
$f$;

CREATE FUNCTION @.acknowledge_end(wanted text, held text) RETURNS text
LANGUAGE plpgsql AS $f$
DECLARE
  gone bigint;
  last double precision;
  now double precision;
BEGIN
  DELETE FROM @.curfew_session WHERE uid = wanted AND fence = held
    RETURNING id, deadline INTO gone, last;
  IF gone IS NULL THEN RETURN ''; END IF;
  now := @.now_ms();
  DELETE FROM @.curfew_session_value WHERE session = gone;${TAKE_UID}
  RETURN '1';
END
$f$;

CREATE FUNCTION @.release_end(
  wanted text, held text, delay double precision, encoded text
) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  progress jsonb := encoded;
  now double precision := @.now_ms();
  before double precision;
BEGIN
  SELECT min(due) INTO before FROM @.curfew_session;
  UPDATE @.curfew_session SET
    due = now + delay, fence = NULL,
    are_listeners_done = coalesce(
      (progress->>'areListenersDone')::boolean, are_listeners_done
    ),
    callbacks = coalesce(progress->'callbacks', callbacks),
    failing_since = CASE WHEN progress IS NULL THEN failing_since
      ELSE coalesce(failing_since, now) END
  WHERE uid = wanted AND fence = held;
  IF NOT found THEN RETURN ''; END IF;
  PERFORM @.notify_earlier(now + delay, before);
  RETURN '1';
END
$f$;

CREATE FUNCTION @.make_dead_letter(
  wanted text, held text, error text, encoded text
) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  progress jsonb := encoded;
  now double precision := @.now_ms();
BEGIN
  UPDATE @.curfew_session SET
    due = 'Infinity', fence = NULL, why = error,
    are_listeners_done = coalesce(
      (progress->>'areListenersDone')::boolean, are_listeners_done
    ),
    callbacks = coalesce(progress->'callbacks', callbacks),
    failing_since = CASE WHEN progress IS NULL THEN failing_since
      ELSE coalesce(failing_since, now) END
  WHERE uid = wanted AND fence = held;
  RETURN CASE WHEN found THEN '1' ELSE '' END;
END
$f$;

CREATE FUNCTION @.list_dead_letters() RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
  RETURN (
    SELECT json_agg(@.encode(s, @.now_ms()) ORDER BY s.at, s.id)::text
    FROM @.curfew_session s WHERE s.due = 'Infinity' AND s.why IS NOT NULL
  );
END
$f$;

CREATE FUNCTION @.retry_dead_letter(wanted text) RETURNS text
LANGUAGE plpgsql AS $f$
BEGIN
  UPDATE @.curfew_session SET due = @.now_ms(), why = NULL, failing_since = NULL
    WHERE uid = wanted AND why IS NOT NULL;
  IF NOT found THEN RETURN ''; END IF;
  PERFORM pg_notify('@channel', '');
  RETURN '1';
END
$f$;

CREATE FUNCTION @.delete_dead_letter(wanted text) RETURNS text
LANGUAGE plpgsql AS $f$
DECLARE
  gone bigint;
  last double precision;
  now double precision;
BEGIN
  DELETE FROM @.curfew_session WHERE uid = wanted AND why IS NOT NULL
    RETURNING id, deadline INTO gone, last;
  IF gone IS NULL THEN RETURN ''; END IF;
  now := @.now_ms();
  DELETE FROM @.curfew_session_value WHERE session = gone;${TAKE_UID}
  RETURN '1';
END
$f$;
`;
