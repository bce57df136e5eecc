/**
 * What RedisStore has Redis do, each in one step.
 *
 * All keys of a script are declared and have one hash tag. Time is the server's,
 * in milliseconds. What may fail is done before the first write, as Redis takes
 * nothing back. Replies are lists of strings only, which are the same in both
 * protocols and whatever types a client maps.
 *
 * The hash of a session: `a` made at (in microseconds, so that those of one
 * millisecond have an order), `t` touched at, `d` deadline, `v` version, `h` hash
 * of the secret, `o` old ones ("hash until" a line), `s` made over https, `p`
 * principal, `i` and `x` idle and absolute timeout unless infinite, `c` callbacks
 * (name, argument and id as JSON, a line each), `m` if there was a touch since, or at `t` too, that has
 * not been written, `:key` values. Once it is over: `r` reason, `w` when, `n` attempt, `f` fence while it
 * is claimed, `b` by whom, `y` why it was put aside.
 *
 * @module
 */

/** A script, known to Redis by its SHA-1. */
export class RedisScript {
  /** What it says. */
  readonly text: string;
  #digest: string | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** Its SHA-1 in hex digits; a promise the first time. */
  get digest(): string | Promise<string> {
    return this.#digest ?? this.#makeDigest();
  }

  async #makeDigest(): Promise<string> {
    const bytes = new TextEncoder().encode(this.text);
    const digest = await crypto.subtle.digest("SHA-1", bytes);
    return this.#digest = new Uint8Array(digest).toHex();
  }
}

/** What is refused when the memory is full: it would need more. */
const GROWS = "#!lua\n";
/** What is done all the same: who cannot end sessions never has more memory. */
const ALWAYS = "#!lua flags=allow-oom\n";
const READS = "#!lua flags=no-writes\n";

const NOW = `
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
-- tostring() would round to 14 digits.
local function text(number) return string.format('%.17g', number) end
`;

const DEADLINE = `
local function deadline_of(touched, created, idle, absolute, slack)
  return math.min(touched + (tonumber(idle) or math.huge) + slack,
    math.floor(created / 1000) + (tonumber(absolute) or math.huge))
end
`;

/** Answers whether something can be claimed sooner than before. */
const PLACE = `
local function next_of(due)
  return tonumber(redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]) or math.huge
end
local function place(due, uid, at, before)
  if at == math.huge then redis.call('ZREM', due, uid)
  else redis.call('ZADD', due, text(at), uid) end
  return at < before
end
`;

/**
 * Hints, which whoever is not allowed to publish does without. The key of a shard
 * may have got a prefix from the client, so that its index names it.
 */
const PUBLISH = `
local function publish(channel, news)
  if #news > 0 then
    redis.pcall('PUBLISH', channel, table.concat(news, '\\n'))
  end
end
local function next_news(kind, due, at, claimant)
  local index = string.match(due, '(%d+)}:due$')
  return table.concat({ kind, index, text(at - now), claimant }, '\\t')
end
`;

/** Sorted by principal, then by age. */
const MEMBER = `
local function member_of(principal, created, uid)
  return principal .. '\\0' .. string.format('%017.0f', created) .. uid
end
`;

/** Lua passes so many arguments at once, and hardly more. */
const SET_FIELDS = `
local function set_fields(key, first, last)
  for from = first, last, 1000 do
    redis.call('HSET', key, unpack(ARGV, from, math.min(from + 999, last)))
  end
end
`;

/**
 * KEYS: session, due, principals. ARGV: uid, slack, channel, age, idle, session
 * timeout, absolute timeout, "=" and principal or "", fields and their values.
 */
export const CREATE: RedisScript = new RedisScript(
  GROWS + NOW + DEADLINE + PLACE + PUBLISH + MEMBER + SET_FIELDS + `
local key, due, principals = unpack(KEYS)
local uid, slack = ARGV[1], tonumber(ARGV[2])
if redis.call('EXISTS', key) == 1 then return {} end
local before = next_of(due)
local principal = string.sub(ARGV[8], 2)
if ARGV[8] ~= '' then redis.call('ZCARD', principals) end

local created = math.floor(micros - ARGV[4] * 1000)
local touched = now - ARGV[5]
local deadline = deadline_of(touched, created, ARGV[6], ARGV[7], slack)
redis.call('HSET', key, 't', text(touched), 'd', text(deadline),
  'a', text(created), 'v', '1')
if ARGV[6] ~= 'inf' then redis.call('HSET', key, 'i', ARGV[6]) end
if ARGV[7] ~= 'inf' then redis.call('HSET', key, 'x', ARGV[7]) end
set_fields(key, 9, #ARGV)
if ARGV[8] ~= '' then
  redis.call('HSET', key, 'p', principal)
  redis.call('ZADD', principals, 0, member_of(principal, created, uid))
end
if place(due, uid, deadline, before) then
  publish(ARGV[3], { next_news('sooner', due, deadline) })
end
return { text(now), text(created), text(touched), text(deadline), '1' }
`,
);

/** KEYS: session, due. ARGV: uid, slack, hash of the secret shown, "1" to touch. */
export const LOAD: RedisScript = new RedisScript(
  ALWAYS + NOW + DEADLINE + `
local key, due = KEYS[1], KEYS[2]
local slack, shown = tonumber(ARGV[2]), ARGV[3]
-- Lua would take longer to look for them in all fields.
local d, r, t, h, o, i, x, a, m = unpack(redis.call('HMGET', key,
  'd', 'r', 't', 'h', 'o', 'i', 'x', 'a', 'm'))
if not d or r or now >= tonumber(d) then return {} end

local function is_opened()
  if h == shown then return true end
  for hash, till in string.gmatch(o or '', '([^\\n]*) (%S+)') do
    if hash == shown and now < tonumber(till) then return true end
  end
  return false
end

if ARGV[4] == '1' and is_opened() then
  if now - t > slack then
    local deadline = text(deadline_of(now, a, i, x, slack))
    redis.call('HSET', key, 't', text(now), 'd', deadline)
    if m then redis.call('HDEL', key, 'm') end
    if deadline ~= 'inf' then redis.call('ZADD', due, deadline, ARGV[1]) end
  elseif not m then
    redis.call('HSET', key, 'm', '1')
  end
end
return { text(now), t, redis.call('HGETALL', key) }
`,
);

/**
 * KEYS: session, due, principals. ARGV: uid, slack, channel; then what changes,
 * each "" if it does not: idle, touchedAt and before of what is taken back,
 * session timeout, absolute timeout, "-" or "=" and principal, "=" and hash of
 * the new secret, its grace, lines of callbacks; "1" if the version is raised;
 * how many arguments are fields with their values; these; fields to delete.
 */
const COMMIT_TEXT = NOW + DEADLINE + PLACE + PUBLISH + MEMBER + SET_FIELDS + `
local key, due, principals = unpack(KEYS)
local uid, slack = ARGV[1], tonumber(ARGV[2])
local d, r, t, a, i, x, v, p, h, o, m, c = unpack(redis.call('HMGET', key,
  'd', 'r', 't', 'a', 'i', 'x', 'v', 'p', 'h', 'o', 'm', 'c'))
if not d or r or now >= tonumber(d) then return {} end
local before = next_of(due)
if ARGV[9] ~= '' then redis.call('ZCARD', principals) end

local touched, unwritten = tonumber(t), m
if ARGV[5] ~= '' and tonumber(ARGV[5]) == touched and not m then
  touched = tonumber(ARGV[6])
end
if ARGV[4] ~= '' then
  local visited = now - ARGV[4]
  if visited - touched > slack then
    touched, unwritten = visited, false
  elseif visited >= touched then
    unwritten = '1'
  end
end
if ARGV[7] ~= '' then i = ARGV[7] end
if ARGV[8] ~= '' then x = ARGV[8] end
local deadline = deadline_of(touched, a, i, x, slack)
if ARGV[13] == '1' then v = text(v + 1) end

redis.call('HSET', key, 't', text(touched), 'd', text(deadline), 'v', v)
if unwritten and not m then redis.call('HSET', key, 'm', '1') end
if m and not unwritten then redis.call('HDEL', key, 'm') end
if ARGV[7] ~= '' then redis.call('HSET', key, 'i', i) end
if ARGV[8] ~= '' then redis.call('HSET', key, 'x', x) end
if ARGV[9] ~= '' then
  if p then redis.call('ZREM', principals, member_of(p, a, uid)) end
  local principal = string.sub(ARGV[9], 2)
  if ARGV[9] == '-' then
    redis.call('HDEL', key, 'p')
  else
    redis.call('HSET', key, 'p', principal)
    redis.call('ZADD', principals, 0, member_of(principal, a, uid))
  end
end
local renewed = string.sub(ARGV[10], 2)
-- A renewal that is made again would make the new secret an old one.
if ARGV[10] ~= '' and renewed ~= h then
  local lines = {}
  for line in string.gmatch(o or '', '[^\\n]+') do lines[#lines + 1] = line end
  lines[#lines + 1] = h .. ' ' .. text(now + tonumber(ARGV[11]))
  local kept = table.concat(lines, '\\n', math.max(1, #lines - 7))
  redis.call('HSET', key, 'h', renewed, 'o', kept)
end
if ARGV[12] ~= '' then
  -- What is added again, as the answer was lost, is the same line.
  local lines, known = { c or nil }, {}
  for line in string.gmatch(c or '', '[^\\n]+') do known[line] = true end
  for line in string.gmatch(ARGV[12], '[^\\n]+') do
    if not known[line] then lines[#lines + 1] = line end
  end
  redis.call('HSET', key, 'c', table.concat(lines, '\\n'))
end
local last = 14 + tonumber(ARGV[14])
set_fields(key, 15, last)
for from = last + 1, #ARGV, 1000 do
  redis.call('HDEL', key, unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
if place(due, uid, deadline, before) then
  publish(ARGV[3], { next_news('sooner', due, deadline) })
end
return { text(now), a, text(touched), text(deadline), v }
`;

/** Commits what needs more memory. */
export const COMMIT: RedisScript = new RedisScript(GROWS + COMMIT_TEXT);

/** Commits what needs none. */
export const COMMIT_SMALL: RedisScript = new RedisScript(ALWAYS + COMMIT_TEXT);

/** KEYS: session, due, principals. ARGV: uid, channel, reason, owner, lease. */
export const END: RedisScript = new RedisScript(
  ALWAYS + NOW + PLACE + PUBLISH + MEMBER + `
local key, due, principals = unpack(KEYS)
local uid, channel, reason = ARGV[1], ARGV[2], ARGV[3]
local d, r, p, a = unpack(redis.call('HMGET', key, 'd', 'r', 'p', 'a'))
if not d or r or now >= tonumber(d) then return {} end
local before = next_of(due)
if p then redis.call('ZCARD', principals) end

redis.call('HSET', key, 'r', reason, 'w', text(now), 'n', '1',
  'f', '1:' .. text(micros), 'b', ARGV[4])
if p then redis.call('ZREM', principals, member_of(p, a, uid)) end
local news = { table.concat({ text(now), uid, reason }, '\\t') }
if place(due, uid, now + ARGV[5], before) then
  news[2] = next_news('sooner', due, now + ARGV[5])
end
publish(channel, news)
return { text(now), redis.call('HGETALL', key) }
`,
);

/**
 * What can be claimed. KEYS: due. ARGV: the most.
 *
 * Its uids are the keys of the next script, which have to be declared.
 */
export const READY: RedisScript = new RedisScript(
  READS + NOW + PLACE + `
return { text(now), text(next_of(KEYS[1])), redis.call('ZRANGE', KEYS[1],
  '-inf', text(now), 'BYSCORE', 'LIMIT', 0, ARGV[1], 'WITHSCORES') }
`,
);

/**
 * Claims what is still there. KEYS: due, principals, sessions. ARGV: channel,
 * owner, lease, uids.
 */
export const CLAIM: RedisScript = new RedisScript(
  ALWAYS + NOW + PLACE + PUBLISH + MEMBER + `
local due, principals = KEYS[1], KEYS[2]
redis.call('ZCARD', principals)
local lease_end = now + ARGV[3]
local ends, news = {}, {}
for index = 3, #KEYS do
  local key, uid = KEYS[index], ARGV[index + 1]
  local score = redis.call('ZSCORE', due, uid)
  if score and tonumber(score) <= now then
    local d, r, n, p, a, x = unpack(redis.call('HMGET', key,
      'd', 'r', 'n', 'p', 'a', 'x'))
    if not d then
      redis.call('ZREM', due, uid)
    else
      local attempt = text((n or 0) + 1)
      redis.call('HSET', key, 'n', attempt, 'b', ARGV[2],
        'f', attempt .. ':' .. text(micros))
      if not r then
        local absolute = math.floor(a / 1000) + (tonumber(x) or math.huge)
        local reason = absolute <= tonumber(d) and 'absolute' or 'idle'
        redis.call('HSET', key, 'r', reason, 'w', d)
        if p then redis.call('ZREM', principals, member_of(p, a, uid)) end
        news[#news + 1] = table.concat({ d, uid, reason }, '\\t')
      end
      place(due, uid, lease_end, 0)
      ends[#ends + 1] = { uid, redis.call('HGETALL', key) }
    end
  end
end
local next_due = next_of(due)
if #ends > 0 then
  news[#news + 1] = next_news('next', due, next_due, ARGV[2])
end
publish(ARGV[1], news)
return { text(now), text(next_due), ends }
`,
);

const IF_CLAIMED = `
if redis.call('HGET', KEYS[1], 'f') ~= ARGV[2] then return { '0' } end
`;

/** KEYS: session, due. ARGV: uid, fence, lease. */
export const RENEW: RedisScript = new RedisScript(
  ALWAYS + IF_CLAIMED + NOW + PLACE + `
place(KEYS[2], ARGV[1], now + ARGV[3], 0)
return { '1' }
`,
);

/** KEYS: session, due. ARGV: uid, fence. */
export const ACKNOWLEDGE: RedisScript = new RedisScript(
  ALWAYS + IF_CLAIMED + `
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[1])
return { '1' }
`,
);

/** KEYS: session, due. ARGV: uid, fence, delay, channel. */
export const RELEASE: RedisScript = new RedisScript(
  ALWAYS + IF_CLAIMED + NOW + PLACE + PUBLISH + `
local before = next_of(KEYS[2])
redis.call('HDEL', KEYS[1], 'f', 'b')
if place(KEYS[2], ARGV[1], now + ARGV[3], before) then
  publish(ARGV[4], { next_news('sooner', KEYS[2], now + ARGV[3]) })
end
return { '1' }
`,
);

/** KEYS: session, due, aside. ARGV: uid, fence, why. */
export const PUT_ASIDE: RedisScript = new RedisScript(
  ALWAYS + IF_CLAIMED + NOW + `
redis.call('ZADD', KEYS[3], text(now), ARGV[1])
redis.call('HSET', KEYS[1], 'y', ARGV[3])
redis.call('HDEL', KEYS[1], 'f', 'b')
redis.call('ZREM', KEYS[2], ARGV[1])
return { '1' }
`,
);

/** KEYS: aside. */
export const LIST_ASIDE: RedisScript = new RedisScript(
  READS + `
return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
`,
);

/** Whatever has become of it. KEYS: session. */
export const SHOW: RedisScript = new RedisScript(
  READS + NOW + `
return { text(now), redis.call('HGETALL', KEYS[1]) }
`,
);

/** KEYS: principals, due. ARGV: principal. */
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

/**
 * What check() reads, also of a Redis that is too old for the others. KEYS: any
 * of the shard. ARGV: channel.
 */
export const INSPECT: RedisScript = new RedisScript(`
local time = redis.call('TIME')
local info = redis.pcall('INFO')
local told = redis.pcall('PUBLISH', ARGV[1], '')
return { time[1], time[2],
  type(info) == 'string' and info or '',
  type(told) == 'table' and told.err or '' }
`);
