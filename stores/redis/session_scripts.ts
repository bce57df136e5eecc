import {
  ALWAYS,
  DEADLINE,
  GROWS,
  MEMBER,
  NOW,
  PLACE,
  PUBLISH,
  READS,
  RedisScript,
  SET_FIELDS,
  TOKENS,
} from "./script.ts";

const CREATE_PARTS = GROWS + NOW + DEADLINE + PLACE + PUBLISH + MEMBER +
  SET_FIELDS;

const CREATE_TEXT = `
local before = next_of(due)
local principal = string.sub(ARGV[9], 2)
if ARGV[9] ~= '' then redis.call('ZCARD', principals) end

local created = math.floor(micros - ARGV[4] * 1000)
local touched = now - ARGV[5]
local authenticated = ARGV[6] ~= '' and text(now - ARGV[6])
local deadline = deadline_of(touched, ARGV[7], throttle,
  absolute_end_of(created, authenticated, ARGV[8]))
redis.call('HSET', key, 't', text(touched), 'd', text(deadline),
  'a', text(created), 'v', version)
if authenticated then redis.call('HSET', key, 'e', authenticated) end
if ARGV[7] ~= 'inf' then redis.call('HSET', key, 'i', ARGV[7]) end
if ARGV[8] ~= 'inf' then redis.call('HSET', key, 'x', ARGV[8]) end
set_fields(key, 11, #ARGV)
if ARGV[9] ~= '' then
  redis.call('HSET', key, 'p', principal)
  redis.call('ZADD', principals, 0, member_of(principal, created, uid))
end
if place(due, uid, deadline, before) then
  publish(ARGV[3], { next_line('earlier', due, deadline) })
end
return { text(now), text(created), text(touched), text(deadline), version }
`;

/**
 * Stores a new session. KEYS: session, due, principals, taken. ARGV: uid, touch
 * throttle, channel, age, idle, login age or "", session timeout, absolute
 * timeout, "=" and principal or "", version, fields and their values.
 */
export const CREATE: RedisScript = new RedisScript(
  CREATE_PARTS + `
local key, due, principals, taken = unpack(KEYS)
local uid, throttle, version = ARGV[1], tonumber(ARGV[2]), ARGV[10]
if redis.call('EXISTS', key, taken) > 0 then return {} end
` + CREATE_TEXT,
);

/**
 * Stores a hold. KEYS: session, due, principals, fence, holds. ARGV: those of
 * {@linkcode CREATE}, but the version is that of the hold to replace or "".
 */
export const TAKE: RedisScript = new RedisScript(
  CREATE_PARTS + `
local key, due, principals, fence, holds = unpack(KEYS)
local uid, throttle = ARGV[1], tonumber(ARGV[2])
local d, r, v, c, p, a = unpack(redis.call('HMGET', key,
  'd', 'r', 'v', 'c', 'p', 'a'))
local is_live = d and not r and now < tonumber(d)
if ARGV[10] ~= '' then
  if not is_live or v ~= ARGV[10] then return {} end
elseif is_live or c then return {} end
local last = tonumber(redis.call('HGET', fence, 'n') or 0)
local version = text(math.max(last + 1, now))
redis.call('ZADD', holds, 0, uid)
redis.call('HSET', fence, 'n', version)
redis.call('DEL', key)
redis.call('ZREM', due, uid)
if p then redis.call('ZREM', principals, member_of(p, a, uid)) end
` + CREATE_TEXT,
);

/**
 * Loads a session. KEYS: session, due. ARGV: uid, touch throttle, hash of the
 * token, "1" to touch, grace, channel.
 */
export const LOAD: RedisScript = new RedisScript(
  ALWAYS + NOW + DEADLINE + TOKENS + PUBLISH + `
local key, due = KEYS[1], KEYS[2]
local throttle, shown = tonumber(ARGV[2]), ARGV[3]
-- Lua would take longer to look for them in all fields.
local d, r, t, i, x, a, e, m, k, h, o, g, l, v = unpack(redis.call('HMGET', key,
  'd', 'r', 't', 'i', 'x', 'a', 'e', 'm', 'k', 'h', 'o', 'g', 'l', 'v'))
if not d then return {} end
if r or now >= tonumber(d) then
  -- If Redis has dropped the set to make room, the end would never be claimed.
  if not redis.call('HGET', key, 'y') then
    redis.call('ZADD', due, 'NX', r and text(now) or d, ARGV[1])
  end
  return {}
end

local tokens = tokens_of(k, h, o)
local found
for _, token in ipairs(tokens) do
  if token[1] == shown and now < token[3] then found = token[2] end
end
local generation = k and tonumber(g or 0) or tokens[#tokens][2]
local is_new = found and found > generation
if is_new then
  generation = found
  fade(tokens, generation, now + ARGV[5])
  redis.call('HSET', key, 'v', text(v + 1))
  publish(ARGV[6], { change_line(ARGV[1], v + 1) })
end
if is_new or not k then
  redis.call('HSET', key, 'k', lines_of(tokens), 'g', text(generation))
  if not k then redis.call('HDEL', key, 'h', 'o') end
end

if ARGV[4] == '1' and found and found >= tonumber(l or 0) then
  if now - t > throttle then
    local deadline = text(deadline_of(now, i, throttle,
      absolute_end_of(a, e, x)))
    redis.call('HSET', key, 't', text(now), 'd', deadline)
    if m then redis.call('HDEL', key, 'm') end
    redis.call('ZADD', due, deadline, ARGV[1])
  elseif not m then
    redis.call('HSET', key, 'm', '1')
  end
end
return { text(now), t, redis.call('HGETALL', key) }
`,
);

/**
 * Changes a session. KEYS: session, due, principals. ARGV, "" for a change or a
 * condition that is not given:
 *
 *     1 uid  2 touch throttle  3 channel
 *     4 condition: version  5 condition: until  6 "1" if the version is raised
 *     7 idle  8, 9 taken back: touchedAt, to  10, 11 both timeouts
 *     12 lines of callbacks, each after "+" to add it, or "-" to remove it
 *     13 access: grace  14 "=" and principal  15, 16 both generations
 *     17 "1" if a renewal is due  18 "1" if the browser keeps the cookie
 *     19 login age, or "" to keep the time  20 lines of hash and generation
 *     21 the number of arguments that are fields and values; these; then fields
 *        to delete
 *
 * Replies the times, and "refused" after them if a condition does not hold.
 */
const COMMIT_TEXT = NOW + DEADLINE + TOKENS + PLACE + PUBLISH + MEMBER +
  SET_FIELDS + `
local key, due, principals = unpack(KEYS)
local uid, throttle = ARGV[1], tonumber(ARGV[2])
local d, r, t, a, i, x, v, p, e, m, c, k, h, o = unpack(redis.call('HMGET', key,
  'd', 'r', 't', 'a', 'i', 'x', 'v', 'p', 'e', 'm', 'c', 'k', 'h', 'o'))
if not d or r or now >= tonumber(d) then return {} end
if ARGV[4] ~= '' and tonumber(ARGV[4]) ~= tonumber(v)
    or ARGV[5] ~= '' and now >= tonumber(ARGV[5]) then
  return { text(now), a, t, d, v, 'refused' }
end
local before = next_of(due)
local is_access = ARGV[13] ~= ''
if is_access then redis.call('ZCARD', principals) end

local touched, unwritten = tonumber(t), m
if ARGV[8] ~= '' and tonumber(ARGV[8]) == touched and not m then
  touched = tonumber(ARGV[9])
end
if ARGV[7] ~= '' then
  local visited = now - ARGV[7]
  if visited - touched > throttle then
    touched, unwritten = visited, false
  else
    -- The last touch stays: to undo it would undo this one as well.
    unwritten = '1'
  end
end
if ARGV[10] ~= '' then i = ARGV[10] end
if ARGV[11] ~= '' then x = ARGV[11] end
if ARGV[19] ~= '' then e = text(now - ARGV[19]) end
local deadline = deadline_of(touched, i, throttle, absolute_end_of(a, e, x))
if ARGV[6] == '1' then v = text(v + 1) end

redis.call('HSET', key, 't', text(touched), 'd', text(deadline), 'v', v)
if unwritten and not m then redis.call('HSET', key, 'm', '1') end
if m and not unwritten then redis.call('HDEL', key, 'm') end
if ARGV[10] ~= '' then redis.call('HSET', key, 'i', i) end
if ARGV[11] ~= '' then redis.call('HSET', key, 'x', x) end

local tokens, generation = tokens_of(k, h, o), false
if is_access then
  local tills = {}
  for _, token in ipairs(tokens) do tills[token[1]] = token[3] end
  generation, tokens = tonumber(ARGV[15]), {}
  for hash, own in string.gmatch(ARGV[20], '([^\\n]*) (%S+)') do
    tokens[#tokens + 1] = { hash, tonumber(own), tills[hash] or math.huge }
  end
  fade(tokens, generation, now + ARGV[13])
  redis.call('HSET', key, 'l', ARGV[16])
  for index, flag in pairs({ [17] = 'q', [18] = 'u' }) do
    if ARGV[index] == '1' then redis.call('HSET', key, flag, '1')
    else redis.call('HDEL', key, flag) end
  end
  if ARGV[19] ~= '' then redis.call('HSET', key, 'e', e) end
  local principal = ARGV[14] ~= '' and string.sub(ARGV[14], 2)
  if p and p ~= principal then
    redis.call('HDEL', key, 'p')
    redis.call('ZREM', principals, member_of(p, a, uid))
  end
  if principal and p ~= principal then
    redis.call('HSET', key, 'p', principal)
    redis.call('ZADD', principals, 0, member_of(principal, a, uid))
  end
elseif not k then
  generation = tokens[#tokens][2]
end
if generation then
  redis.call('HSET', key, 'k', lines_of(tokens), 'g', text(generation))
end
if not k then redis.call('HDEL', key, 'h', 'o') end

if ARGV[12] ~= '' then
  -- JSON has no quote after a comma inside of a string: the last one begins the
  -- id. A line of version 0.1.0 has no id, and ends after its argument.
  local function id_of(line) return string.match(line, '.*(,".*)$') end
  local lines = {}
  for line in string.gmatch(c or '', '[^\\n]+') do lines[#lines + 1] = line end
  for act, line in string.gmatch(ARGV[12], '([+-])([^\\n]+)') do
    local at = #lines + 1
    for index, other in ipairs(lines) do
      local start = string.sub(other, 1, -2) .. ','
      if id_of(other) == id_of(line)
          or string.sub(line, 1, #start) == start then at = index end
    end
    if act == '+' then lines[at] = line
    elseif lines[at] == line then table.remove(lines, at) end
  end
  if #lines == 0 then redis.call('HDEL', key, 'c')
  else redis.call('HSET', key, 'c', table.concat(lines, '\\n')) end
end
local last = 21 + tonumber(ARGV[21])
set_fields(key, 22, last)
for from = last + 1, #ARGV, 1000 do
  redis.call('HDEL', key, unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
local lines = {}
if place(due, uid, deadline, before) then
  lines[1] = next_line('earlier', due, deadline)
end
if ARGV[6] == '1' then lines[#lines + 1] = change_line(uid, v) end
publish(ARGV[3], lines)
return { text(now), a, text(touched), text(deadline), v }
`;

/** Makes a change of a session that needs more memory. */
export const COMMIT: RedisScript = new RedisScript(GROWS + COMMIT_TEXT);

/** Makes a change of a session that needs no more memory. */
export const COMMIT_SMALL: RedisScript = new RedisScript(ALWAYS + COMMIT_TEXT);

/**
 * Counts sessions and ends. KEYS: due, holds, ended. ARGV: the most sessions whose
 * deadline has passed to look at; more than these count as sessions.
 *
 * A session whose end no node has claimed yet is in `due` alone.
 */
export const COUNT: RedisScript = new RedisScript(
  READS + NOW + `
local due, holds, ended = unpack(KEYS)
local passed = 0
for _, uid in ipairs(redis.call('ZRANGE', due, '-inf', text(now), 'BYSCORE',
    'LIMIT', 0, ARGV[1])) do
  if not redis.call('ZSCORE', holds, uid)
      and not redis.call('ZSCORE', ended, uid) then passed = passed + 1 end
end
local ends = redis.call('ZCARD', ended)
local all = redis.call('ZCARD', due) - redis.call('ZCARD', holds)
return { text(all - ends - passed), text(ends + passed) }
`,
);

/** Lists the sessions of a principal. KEYS: principals, due. ARGV: principal. */
export const UIDS_OF: RedisScript = new RedisScript(
  READS + NOW + `
local found = {}
local members = redis.call('ZRANGE', KEYS[1], '[' .. ARGV[1] .. '\\0',
  '(' .. ARGV[1] .. '\\1', 'BYLEX')
for _, member in ipairs(members) do
  local from = #ARGV[1] + 2
  local uid = string.sub(member, from + 17)
  local deadline = redis.call('ZSCORE', KEYS[2], uid)
  if not deadline or now < tonumber(deadline) then
    found[#found + 1] = string.sub(member, from, from + 16)
    found[#found + 1] = uid
  end
end
return found
`,
);
