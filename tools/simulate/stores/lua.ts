import { lauxlib, lua, lualib } from "lua-wasm-bindings";
import type { Reply } from "./reply.ts";

/** Characters that are passed at once: the stack of the bindings is small. */
const LONGEST = 8000;

/** Runs one command of a script; throws what Redis would answer as an error. */
export type Call = (command: readonly string[]) => Reply;

/**
 * The part in Lua: scripts are coroutines, which yield at each command. All that
 * passes between them and JavaScript is text, a line for each string, since the
 * bindings pass neither functions nor NUL. The first character of a line names its
 * kind: s string, i integer, l list of so many, k status, e error, n nothing.
 */
const BOOTSTRAP = `
local out = { ['\\\\'] = '\\\\\\\\', ['\\0'] = '\\\\0', ['\\n'] = '\\\\n' }
local back = { ['\\\\'] = '\\\\', ['0'] = '\\0', n = '\\n' }
local function write(value, lines)
  local kind = type(value)
  if kind == 'string' then
    lines[#lines + 1] = 's' .. string.gsub(value, '[\\\\%z\\n]', out)
  elseif kind == 'number' then
    lines[#lines + 1] = 'i' .. string.format('%d', value)
  elseif kind == 'table' then
    local count = 0
    while value[count + 1] ~= nil do count = count + 1 end
    lines[#lines + 1] = 'l' .. count
    for index = 1, count do write(value[index], lines) end
  else lines[#lines + 1] = value and 'i1' or 'n' end
end
local function encode(value)
  local lines = {}
  write(value, lines)
  return table.concat(lines, '\\n')
end
local function read(next_line)
  local line = next_line()
  local kind, rest = string.sub(line, 1, 1), string.sub(line, 2)
  if kind == 's' then return (string.gsub(rest, '\\\\(.)', back)) end
  if kind == 'i' then return tonumber(rest) end
  if kind == 'k' then return { ok = rest } end
  if kind == 'e' then return { err = rest } end
  if kind == 'n' then return false end
  local list = {}
  for index = 1, tonumber(rest) do list[index] = read(next_line) end
  return list
end
local function decode(text) return read(string.gmatch(text, '[^\\n]+')) end

local function pcall_redis(...)
  local command = { ... }
  for index, word in ipairs(command) do
    if type(word) == 'number' then
      command[index] = string.format('%.17g', word)
    elseif type(word) ~= 'string' then
      error('Lua redis lib command arguments must be strings or integers')
    end
  end
  return decode(coroutine.yield('c' .. encode(command)))
end
local redis = { pcall = pcall_redis }
function redis.call(...)
  local reply = pcall_redis(...)
  if type(reply) == 'table' and reply.err then error(reply.err, 0) end
  return reply
end

local scripts, running, pieces = {}, nil, {}
function feed(piece) pieces[#pieces + 1] = piece; return 'd' end
local function whole(rest)
  local text = table.concat(pieces) .. rest
  pieces = {}
  return text
end
local function resume(...)
  local is_fine, value = coroutine.resume(running, ...)
  if not is_fine then return 'e' .. tostring(value) end
  if coroutine.status(running) == 'suspended' then return value end
  return 'd' .. encode(value)
end
function define(text)
  local digest, script = unpack(decode(whole(text)))
  local compiled, why = loadstring(script, '@user_script')
  if not compiled then return 'e' .. why end
  scripts[digest] = compiled
  return 'd'
end
function begin(text)
  local digest, keys, argv = unpack(decode(whole(text)))
  local globals = setmetatable({ redis = redis, KEYS = keys, ARGV = argv }, {
    __index = _G,
    __newindex = function(_, name)
      error('Script attempted to create global variable ' .. name)
    end
  })
  running = coroutine.create(setfenv(scripts[digest], globals))
  return resume()
end
function proceed(text) return resume(whole(text)) end
`;

/** Runs scripts in Lua 5.1, which Redis has too. */
export class LuaScripts {
  readonly #state = lauxlib.luaL_newstate();

  constructor() {
    lualib.luaL_openlibs(this.#state);
    if (lauxlib.luaL_dostring(this.#state, BOOTSTRAP) !== 0) {
      throw new Error(lua.lua_tostring(this.#state, -1));
    }
  }

  /** Compiles a script. */
  define(digest: string, script: string): void {
    this.#enter("define", encode([digest, script]));
  }

  /** Runs a script that is defined, with the commands that it calls. */
  run(
    digest: string,
    keys: readonly string[],
    args: readonly string[],
    call: Call,
  ): Reply {
    let step = this.#enter("begin", encode([digest, keys, args]));
    while (step.startsWith("c")) {
      const command = decode(step.slice(1)) as string[];
      step = this.#enter("proceed", answerOf(call, command));
    }
    return decode(step.slice(1));
  }

  /** Calls one of the functions above; throws if the script fails. */
  #enter(name: string, text: string): string {
    const state = this.#state;
    if (text.length > LONGEST) {
      // No character is cut in two.
      const end = isHighSurrogate(text.charCodeAt(LONGEST - 1))
        ? LONGEST - 1
        : LONGEST;
      this.#enter("feed", text.slice(0, end));
      return this.#enter(name, text.slice(end));
    }
    lua.lua_getglobal(state, name);
    lua.lua_pushstring(state, text);
    const status = lua.lua_pcall(state, 1, 1, 0);
    const answer = lua.lua_tostring(state, -1);
    lua.lua_pop(state, 1);
    if (status !== 0) throw new Error(answer);
    if (answer.startsWith("e")) throw new Error(answer.slice(1));
    return answer;
  }
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}

function answerOf(call: Call, command: readonly string[]): string {
  try {
    return encode(call(command));
  } catch (error) {
    return `e${(error as Error).message}`;
  }
}

function encode(value: Reply): string {
  const lines: string[] = [];
  const write = (value: Reply) => {
    if (value === null) lines.push("n");
    else if (typeof value === "number") lines.push(`i${value}`);
    else if (typeof value === "string") lines.push(`s${escape(value)}`);
    else if ("ok" in value) lines.push(`k${value.ok}`);
    else {
      lines.push(`l${value.length}`);
      for (const each of value) write(each);
    }
  };
  write(value);
  return lines.join("\n");
}

function decode(text: string): Reply {
  const lines = text.split("\n");
  let at = 0;
  const read = (): Reply => {
    const line = lines[at++]!;
    const rest = line.slice(1);
    switch (line[0]) {
      case "s":
        return unescape(rest);
      case "i":
        return Number(rest);
      case "l":
        return Array.from({ length: Number(rest) }, read);
      default:
        return null;
    }
  };
  return read();
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\0": "\\0",
  "\n": "\\n",
};

function escape(text: string): string {
  return text.replace(/[\\\0\n]/g, (character) => ESCAPES[character]!);
}

function unescape(text: string): string {
  return text.replace(
    /\\(.)/g,
    (_, character) =>
      character === "0" ? "\0" : character === "n" ? "\n" : character,
  );
}
