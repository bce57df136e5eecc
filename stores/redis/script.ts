/**
 * The parts that scripts are made of.
 *
 * A script runs in one step. It declares all its keys, which have one hash tag.
 * Times are those of the server's clock. Redis does not roll back, so a script does
 * all that may fail before its first write. Replies are lists of strings, which
 * look the same in both protocols and in all clients.
 *
 * The fields in the hash of a session; each may be absent:
 *
 *     a  created at, in microseconds: sessions of one millisecond have an order
 *     t  touched at                m  "1" if a touch since `t` is not written
 *     d  deadline                  v  version
 *     k  tokens, a line each: hash, generation, until
 *     g  generation, or 0          l  login generation, or 0
 *     e  authenticated at          q  "1" if a renewal is due
 *     s  "1" if made over https    u  "1" if the browser keeps the cookie
 *     p  principal
 *     i  idle timeout, or none     x  absolute timeout, or none
 *     c  callbacks, a line each: name, argument and id as JSON
 * D  description
 *     :key  a value
 *     r  reason of the end         w  time of the end
 *     n  attempt                   f  fence while claimed
 *     b  owner of the claim        y  error of a dead letter
 * F  failing since             N  "1" if the listeners are done
 *
 * A hash of version 0.1.0 has, in place of tokens: `h` the hash of the secret,
 * `o` the hashes before it, a line each: hash, until. A load or commit replaces
 * them.
 *
 * @module
 */

import { toHex } from "../../base/ids.ts";

import { MAX_TOKENS } from "../record.ts";

/** A script, which Redis identifies by its SHA-1. */
export class RedisScript {
  /** The script, in Lua. */
  readonly text: string;
  #digest: string | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** The SHA-1 of the script in hex digits; a promise the first time. */
  get digest(): string | Promise<string> {
    return this.#digest ?? this.#makeDigest();
  }

  async #makeDigest(): Promise<string> {
    const bytes = new TextEncoder().encode(this.text);
    const digest = await crypto.subtle.digest("SHA-1", bytes);
    return this.#digest = toHex(new Uint8Array(digest));
  }
}

/** The head of a script that Redis refuses when its memory is full. */
export const GROWS = "#!lua\n";

/** The head of a script that runs in a full memory: ends make room again. */
export const ALWAYS = "#!lua flags=allow-oom\n";

/** The head of a script that only reads. */
export const READS = "#!lua flags=no-writes\n";

/** `now` in milliseconds, `micros`, and `text(number)`. */
export const NOW = `
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
-- tostring() would round to 14 digits.
local function text(number) return string.format('%.17g', number) end
`;

/** `absolute_end_of(created, authenticated, absolute)` and `deadline_of(...)`. */
export const DEADLINE = `
local function absolute_end_of(created, authenticated, absolute)
  local start = tonumber(authenticated) or math.floor(created / 1000)
  return start + (tonumber(absolute) or math.huge)
end
local function deadline_of(touched, idle, throttle, absolute_end)
  return math.min(touched + (tonumber(idle) or math.huge) + throttle,
    absolute_end)
end
`;

/** `tokens_of(k, h, o)`, `lines_of(tokens)` and `fade(tokens, generation, till)`. */
export const TOKENS = `
local function tokens_of(k, h, o)
  local tokens = {}
  for hash, generation, till in string.gmatch(k or '',
      '([^\\n]*) (%S+) (%S+)') do
    tokens[#tokens + 1] = { hash, tonumber(generation), tonumber(till) }
  end
  if k then return tokens end
  for hash, till in string.gmatch(o or '', '([^\\n]*) (%S+)') do
    tokens[#tokens + 1] = { hash, #tokens, tonumber(till) }
  end
  tokens[#tokens + 1] = { h or '', #tokens, math.huge }
  if #tokens > ${MAX_TOKENS} then table.remove(tokens, 1) end
  return tokens
end
local function lines_of(tokens)
  local lines = {}
  for index, token in ipairs(tokens) do
    lines[index] = token[1] .. ' ' .. text(token[2]) .. ' ' .. text(token[3])
  end
  return table.concat(lines, '\\n')
end
local function fade(tokens, generation, till)
  for _, token in ipairs(tokens) do
    if token[2] < generation and token[3] == math.huge then token[3] = till end
  end
end
`;

/** `next_of(due)`, and `place()`, which returns whether the end is the next one. */
export const PLACE = `
local function next_of(due)
  return tonumber(redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]) or math.huge
end
local function place(due, uid, at, before)
  redis.call('ZADD', due, text(at), uid)
  return at < before
end
`;

/**
 * `list(k, uid, holds, ended)`, by which sessions and ends are counted. A session
 * is listed before the first claim of its end, a hold when it is taken.
 */
export const LISTED = `
local function list(k, uid, holds, ended)
  redis.call('ZADD', k == '' and holds or ended, 0, uid)
end
local function unlist(uid, holds, ended)
  redis.call('ZREM', holds, uid)
  redis.call('ZREM', ended, uid)
end
`;

/** `publish_command(channel)`: the channel of a shard begins with its hash tag. */
export const PUBLISH_COMMAND = `
local function publish_command(channel)
  return string.sub(channel, 1, 1) == '{' and 'SPUBLISH' or 'PUBLISH'
end
`;

/**
 * `publish(channel, lines)`, `change_line(uid, version)` and
 * `next_line(kind, due, at, claimant)`.
 *
 * Notifications are hints: without the right to publish, scripts go on. The
 * client may put a prefix before the key of a shard, so its index names it.
 */
export const PUBLISH = `
${PUBLISH_COMMAND}
local function publish(channel, lines)
  if #lines > 0 then
    redis.pcall(publish_command(channel), channel, table.concat(lines, '\\n'))
  end
end
local function change_line(uid, version)
  return table.concat({ 'changed', uid, text(version) }, '\\t')
end
local function next_line(kind, due, at, claimant)
  local index = string.match(due, '(%d+)}:due$')
  return table.concat({ kind, index, text(at - now), claimant }, '\\t')
end
`;

/** `member_of(principal, created, uid)`: sorted by principal, then by age. */
export const MEMBER = `
local function member_of(principal, created, uid)
  return principal .. '\\0' .. string.format('%017.0f', created) .. uid
end
`;

/**
 * `set_fields(key, first, last)`, in pieces: Lua limits the arguments of a call.
 */
export const SET_FIELDS = `
local function set_fields(key, first, last)
  for from = first, last, 1000 do
    redis.call('HSET', key, unpack(ARGV, from, math.min(from + 999, last)))
  end
end
`;
