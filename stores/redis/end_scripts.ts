import { LONGEST_TAKEN, UID_TAKEN_FOR } from "../record.ts";
import {
  ALWAYS,
  DEADLINE,
  LISTED,
  MEMBER,
  NOW,
  PLACE,
  PUBLISH,
  READS,
  RedisScript,
} from "./script.ts";

/**
 * Ends a session. KEYS: session, due, principals, holds, ended. ARGV: uid, channel,
 * reason, owner, lease.
 */
export const END: RedisScript = new RedisScript(
  ALWAYS + NOW + LISTED + PLACE + PUBLISH + MEMBER + `
local key, due, principals, holds, ended = unpack(KEYS)
local uid, channel, reason = ARGV[1], ARGV[2], ARGV[3]
local d, r, p, a, k = unpack(redis.call('HMGET', key, 'd', 'r', 'p', 'a', 'k'))
if not d or r or now >= tonumber(d) then return {} end
local before = next_of(due)
if p then redis.call('ZCARD', principals) end

list(k, uid, holds, ended)
redis.call('HSET', key, 'r', reason, 'w', text(now), 'n', '1',
  'f', '1:' .. text(micros), 'b', ARGV[4])
if p then redis.call('ZREM', principals, member_of(p, a, uid)) end
local lines = { table.concat({ text(now), uid, reason }, '\\t') }
if place(due, uid, now + ARGV[5], before) then
  lines[2] = next_line('earlier', due, now + ARGV[5])
end
publish(channel, lines)
return { text(now), redis.call('HGETALL', key) }
`,
);

/**
 * Lists the ends that can be claimed. KEYS: due. ARGV: the most.
 *
 * The listed uids are keys of the next script, and a script must declare its keys.
 */
export const READY: RedisScript = new RedisScript(
  READS + NOW + PLACE + `
return { text(now), text(next_of(KEYS[1])), redis.call('ZRANGE', KEYS[1],
  '-inf', text(now), 'BYSCORE', 'LIMIT', 0, ARGV[1], 'WITHSCORES') }
`,
);

/**
 * Claims the ends that can still be claimed. KEYS: due, principals, holds, ended,
 * sessions. ARGV: channel, owner, lease, uids.
 */
export const CLAIM: RedisScript = new RedisScript(
  ALWAYS + NOW + DEADLINE + LISTED + PLACE + PUBLISH + MEMBER + `
local due, principals, holds, ended = unpack(KEYS, 1, 4)
redis.call('ZCARD', principals)
local lease_end = now + ARGV[3]
local ends, lines = {}, {}
for index = 5, #KEYS do
  local key, uid = KEYS[index], ARGV[index - 1]
  local score = redis.call('ZSCORE', due, uid)
  if score and tonumber(score) <= now then
    local d, r, n, p, a, e, x, k = unpack(redis.call('HMGET', key,
      'd', 'r', 'n', 'p', 'a', 'e', 'x', 'k'))
    if not d then
      unlist(uid, holds, ended)
      redis.call('ZREM', due, uid)
    else
      list(k, uid, holds, ended)
      local attempt = text((n or 0) + 1)
      redis.call('HSET', key, 'n', attempt, 'b', ARGV[2],
        'f', attempt .. ':' .. text(micros))
      if not r then
        local is_absolute = absolute_end_of(a, e, x) <= tonumber(d)
        local reason = is_absolute and 'absolute' or 'idle'
        redis.call('HSET', key, 'r', reason, 'w', d)
        if p then redis.call('ZREM', principals, member_of(p, a, uid)) end
        lines[#lines + 1] = table.concat({ d, uid, reason }, '\\t')
      end
      place(due, uid, lease_end, 0)
      ends[#ends + 1] = { uid, redis.call('HGETALL', key) }
    end
  end
end
local next_due = next_of(due)
if #ends > 0 then
  lines[#lines + 1] = next_line('next', due, next_due, ARGV[2])
end
publish(ARGV[1], lines)
return { text(now), text(next_due), ends }
`,
);

const IF_CLAIMED = `
if redis.call('HGET', KEYS[1], 'f') ~= ARGV[2] then return { '0' } end
`;

/**
 * `keep_progress(key, first)`: stores the progress in the arguments from `first`
 * on, if there is one.
 */
const PROGRESS = `
local function keep_progress(key, first)
  if #ARGV < first then return end
  if ARGV[first] == '1' then redis.call('HSET', key, 'N', '1')
  else redis.call('HDEL', key, 'N') end
  if ARGV[first + 1] ~= '' then redis.call('HSET', key, 'c', ARGV[first + 1])
  else redis.call('HDEL', key, 'c') end
  redis.call('HSETNX', key, 'F', text(now))
end
`;

/** Starts a lease again. KEYS: session, due. ARGV: uid, fence, lease. */
export const RENEW: RedisScript = new RedisScript(
  ALWAYS + IF_CLAIMED + NOW + PLACE + `
place(KEYS[2], ARGV[1], now + ARGV[3], 0)
return { '1' }
`,
);

/** `forget(key, taken, deadline)`: deletes a session; its uid stays taken for a while. */
const FORGET = `
local function forget(key, taken, deadline)
  local left = (tonumber(deadline) or 0) - now
  left = math.max(0, math.min(left, ${LONGEST_TAKEN}))
  redis.call('DEL', key)
  redis.call('SET', taken, '', 'PX', text(math.ceil(left) + ${UID_TAKEN_FOR}))
end
`;

/**
 * Forgets sessions, whose uids stay taken for a while. KEYS: due, holds, ended; for
 * each session its own and that of its uid. ARGV: for each session uid and fence.
 */
export const ACKNOWLEDGE: RedisScript = new RedisScript(
  ALWAYS + NOW + LISTED + FORGET + `
local answers = {}
for index = 1, #ARGV, 2 do
  local uid, key, taken = ARGV[index], KEYS[index + 3], KEYS[index + 4]
  local d, f = unpack(redis.call('HMGET', key, 'd', 'f'))
  if f == ARGV[index + 1] then
    unlist(uid, KEYS[2], KEYS[3])
    redis.call('ZREM', KEYS[1], uid)
    forget(key, taken, d)
    answers[#answers + 1] = '1'
  else answers[#answers + 1] = '0' end
end
return answers
`,
);

/**
 * Releases a claim. KEYS: session, due. ARGV: uid, fence, delay, channel, and the
 * progress.
 */
export const RELEASE: RedisScript = new RedisScript(
  ALWAYS + IF_CLAIMED + NOW + PLACE + PUBLISH + PROGRESS + `
local before = next_of(KEYS[2])
keep_progress(KEYS[1], 5)
redis.call('HDEL', KEYS[1], 'f', 'b')
if place(KEYS[2], ARGV[1], now + ARGV[3], before) then
  publish(ARGV[4], { next_line('earlier', KEYS[2], now + ARGV[3]) })
end
return { '1' }
`,
);

/**
 * Makes a dead letter. KEYS: session, due, dead letters, holds, ended. ARGV: uid,
 * fence, why, and the progress.
 */
export const DEAD_LETTER: RedisScript = new RedisScript(
  ALWAYS + IF_CLAIMED + NOW + LISTED + PROGRESS + `
unlist(ARGV[1], KEYS[4], KEYS[5])
keep_progress(KEYS[1], 4)
redis.call('ZADD', KEYS[3], text(now), ARGV[1])
redis.call('HSET', KEYS[1], 'y', ARGV[3])
redis.call('HDEL', KEYS[1], 'f', 'b')
redis.call('ZREM', KEYS[2], ARGV[1])
return { '1' }
`,
);

const IF_DEAD_LETTER = `
if not redis.call('ZSCORE', KEYS[3], ARGV[1]) then return { '0' } end
redis.call('ZREM', KEYS[3], ARGV[1])
`;

/**
 * Turns a dead letter into an end again. KEYS: session, due, dead letters, holds,
 * ended. ARGV: uid, channel.
 */
export const RETRY_DEAD_LETTER: RedisScript = new RedisScript(
  ALWAYS + IF_DEAD_LETTER + NOW + LISTED + PLACE + PUBLISH + `
list(redis.call('HGET', KEYS[1], 'k'), ARGV[1], KEYS[4], KEYS[5])
local before = next_of(KEYS[2])
redis.call('HDEL', KEYS[1], 'y', 'F')
if place(KEYS[2], ARGV[1], now, before) then
  publish(ARGV[2], { next_line('earlier', KEYS[2], now) })
end
return { '1' }
`,
);

/** Forgets a dead letter. KEYS: session, that of its uid, dead letters. ARGV: uid. */
export const DELETE_DEAD_LETTER: RedisScript = new RedisScript(
  ALWAYS + IF_DEAD_LETTER + NOW + FORGET + `
forget(KEYS[1], KEYS[2], redis.call('HGET', KEYS[1], 'd'))
return { '1' }
`,
);

/** Lists the uids of dead letters. KEYS: dead letters. */
export const LIST_DEAD_LETTERS: RedisScript = new RedisScript(
  READS + `
return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
`,
);

/** Reads a session, over or not. KEYS: session. */
export const READ: RedisScript = new RedisScript(
  READS + NOW + `
return { text(now), redis.call('HGETALL', KEYS[1]) }
`,
);
