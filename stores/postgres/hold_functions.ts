/**
 * The function in the database that takes holds.
 *
 * The row of a hold is locked first, or the insertion waits for that of another
 * node. The fencing number comes after that, so that it grows for each uid.
 *
 * @module
 */

/** The statements that make this function. */
export const HOLD_FUNCTIONS = `
CREATE FUNCTION @.take_hold(encoded text, replaces double precision) RETURNS text
LANGUAGE plpgsql AS $f$
DECLARE
  wanted text := encoded::jsonb->>'uid';
  s @.curfew_session;
  now double precision;
  next bigint;
  is_live boolean;
BEGIN
  SELECT * INTO s FROM @.curfew_session WHERE uid = wanted FOR UPDATE;
  now := @.now_ms();
  is_live := s.id IS NOT NULL AND s.reason IS NULL AND now < s.deadline;
  IF replaces IS NOT NULL THEN
    IF NOT is_live OR s.version <> replaces::bigint THEN RETURN NULL; END IF;
  ELSIF is_live OR s.callbacks <> '[]' THEN
    RETURN NULL;
  END IF;
  IF s.id IS NOT NULL THEN
    DELETE FROM @.curfew_session_value WHERE session = s.id;
    DELETE FROM @.curfew_session WHERE id = s.id;
  END IF;
  DELETE FROM @.curfew_taken_uid WHERE uid = wanted;
  IF @.create_session(encoded) IS NULL THEN RETURN NULL; END IF;
  INSERT INTO @.curfew_hold_fence AS f (id, number) VALUES (1, now)
    ON CONFLICT (id) DO UPDATE SET number = greatest(f.number + 1, excluded.number)
    RETURNING number INTO next;
  UPDATE @.curfew_session SET version = next WHERE uid = wanted
    RETURNING * INTO s;
  RETURN @.times_of(s, @.now_ms());
END
$f$;
`;
