import {
  BOOLEAN,
  checkOptions,
  FUNCTION,
  instanceOf,
  type OptionRule,
  type OptionRules,
  STRING,
  stringThat,
  wholeAtLeast,
} from "../base/options.ts";
import type {
  ListenOptions,
  TcpListenOptions,
  UnixListenOptions,
} from "./http_server.ts";

const PORT: OptionRule = {
  kind: "a port, from 0 to 65535",
  isKind: (value) => typeof value === "number",
  isInRange: (port: number) =>
    Number.isInteger(port) && port >= 0 && port <= 65535,
};

const ABSENT: OptionRule = {
  kind: "undefined beside the other options",
  isKind: () => false,
};

const SHARED_RULES = {
  signal: instanceOf("an AbortSignal", AbortSignal),
  onListen: FUNCTION,
};

const TCP_RULES: OptionRules<TcpListenOptions> = {
  ...SHARED_RULES,
  port: PORT,
  hostname: STRING,
  path: ABSENT,
  reusePort: BOOLEAN,
  tcpBacklog: wholeAtLeast(1),
  key: STRING,
  cert: STRING,
};

const UNIX_RULES: OptionRules<UnixListenOptions> = {
  ...SHARED_RULES,
  path: stringThat("a path", (path) => path !== ""),
  hostname: ABSENT,
  port: ABSENT,
};

/**
 * Returns the options for a server, once they are checked. Those with a `path` are of
 * a Unix socket.
 *
 * @throws {TypeError} If an option is of the wrong kind, or unknown.
 * @throws {RangeError} If an option is out of range.
 */
export function checkListenOptions(options: ListenOptions): ListenOptions {
  const isUnix = typeof options === "object" && options !== null &&
    options.path !== undefined;
  checkOptions<object>("listen", options, isUnix ? UNIX_RULES : TCP_RULES);
  return options;
}
