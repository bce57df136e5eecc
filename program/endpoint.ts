import { describe } from "../base/describe.ts";
import {
  BOOLEAN,
  checkOptions,
  FUNCTION,
  instanceOf,
  numberThat,
  type OptionRule,
  type OptionRules,
  STRING,
  stringThat,
  wholeAtLeast,
} from "../base/options.ts";

/** The PEM files of a certificate. */
export interface CertificateFiles {
  /** The path of the certificate, or of a chain that begins with it. */
  readonly certFile: string;
  /** The path of the certificate's private key. */
  readonly keyFile: string;
}

/** Options of `Deno.serve`, and the certificate files that the caller reads. */
export type Endpoint =
  | TcpListenOptions
  | (TcpListenOptions & CertificateFiles)
  | UnixListenOptions;

/** A part of a description: `name=value`, or a value alone. */
interface Part {
  readonly name: string | undefined;
  readonly value: string;
  /** The index of the part in the description. */
  readonly at: number;
}

/** The parameters of each kind. The name of the first one may be omitted. */
const KINDS: ReadonlyMap<string, readonly string[]> = new Map([
  ["tcp", ["port", "interface", "backlog"]],
  ["ssl", ["port", "interface", "backlog", "cert", "key"]],
  ["unix", ["path"]],
]);

/**
 * Parses a description such as `tcp:8080`. Opens no file and no socket.
 *
 * @throws {SyntaxError} If it does not describe an endpoint; the message names
 * the character.
 */
export function parseEndpoint(description: string): Endpoint {
  const refuse = (why: string, at: number): never => {
    throw new SyntaxError(
      `Cannot listen on ${describe(description)}: ${why}, at character ${at}`,
    );
  };
  const [kind, ...parts] = split(description);
  const known = kind!.name === undefined ? KINDS.get(kind!.value) : undefined;
  if (known === undefined) {
    return refuse(`the kind is not one of ${[...KINDS.keys()].join(", ")}`, 0);
  }

  const values = new Map<string, Part>();
  for (const [index, part] of parts.entries()) {
    const name = part.name ?? (index === 0 ? known[0]! : undefined);
    if (name === undefined) return refuse("a parameter has no name", part.at);
    if (!known.includes(name)) {
      return refuse(
        `${kind!.value} has no parameter ${describe(name)}`,
        part.at,
      );
    }
    if (values.has(name)) return refuse(`${name} is given twice`, part.at);
    if (part.value === "") return refuse(`${name} is empty`, part.at);
    values.set(name, part);
  }
  const need = (name: string): string =>
    values.get(name)?.value ??
      refuse(`${name} is missing`, description.length);
  const number = (name: string, greatest: number): number => {
    const value = need(name);
    return /^\d+$/.test(value) && Number(value) <= greatest
      ? Number(value)
      : refuse(`${name} is not from 0 to ${greatest}`, values.get(name)!.at);
  };

  if (kind!.value === "unix") return { path: need("path") };
  const options: TcpListenOptions = { port: number("port", 65535) };
  const hostname = values.get("interface")?.value;
  if (hostname !== undefined) options.hostname = hostname;
  if (values.has("backlog")) {
    options.tcpBacklog = number("backlog", 2 ** 31 - 1);
  }
  return kind!.value === "tcp"
    ? options
    : { ...options, certFile: need("cert"), keyFile: need("key") };
}

/** Splits a description at colons and equals signs without a backslash. */
function split(description: string): Part[] {
  const parts: Part[] = [];
  let name: string | undefined;
  let value = "";
  let at = 0;
  for (let i = 0; i <= description.length; i++) {
    const character = description[i];
    if (character === undefined || character === ":") {
      parts.push({ name, value, at });
      name = undefined;
      value = "";
      at = i + 1;
    } else if (character === "=" && name === undefined) {
      name = value;
      value = "";
    } else if (character === "\\" && /[:=\\]/.test(description[i + 1] ?? "")) {
      value += description[++i];
    } else {
      value += character;
    }
  }
  return parts;
}

/** An address of a TCP socket; `Deno.NetAddr` fits. */
export interface NetAddress {
  /** `"tcp"`. */
  readonly transport: "tcp" | "udp";
  /** The IP address. */
  readonly hostname: string;
  /** The port, from 1 to 65535. */
  readonly port: number;
  /** A TCP socket has no path. */
  readonly path?: undefined;
}

/** An address of a Unix socket; `Deno.UnixAddr` fits. */
export interface UnixAddress {
  /** `"unix"`. */
  readonly transport: "unix" | "unixpacket";
  /** The path of the socket. */
  readonly path: string;
  /** A Unix socket has no host name. */
  readonly hostname?: undefined;
  /** A Unix socket has no port. */
  readonly port?: undefined;
}

/** The options of `Deno.serve` for a TCP socket. */
export interface TcpListenOptions {
  /**
   * The port, from 0 to 65535; 0 selects a free one.
   *
   * @default {8000}
   */
  port?: number;
  /**
   * The IP address or host name to listen on.
   *
   * @default {"0.0.0.0"}
   */
  hostname?: string;
  /** A TCP socket has no path. */
  path?: undefined;
  /**
   * Whether other processes may listen on the port too.
   *
   * @default {false}
   */
  reusePort?: boolean;
  /**
   * The most connections that wait to be accepted.
   *
   * @default {511}
   */
  tcpBacklog?: number;
  /** The certificate in PEM format, or a chain that begins with it: for https. */
  cert?: string;
  /** The private key of the certificate in PEM format. */
  key?: string;
  /** Stops the server when it aborts. */
  signal?: AbortSignal;
  /** Called when the server listens, in place of printing the address. */
  onListen?: (address: NetAddress) => void;
}

/** The options of `Deno.serve` for a Unix socket. */
export interface UnixListenOptions {
  /** The path of the socket; the file must not exist. */
  path: string;
  /** A Unix socket has no host name. */
  hostname?: undefined;
  /** A Unix socket has no port. */
  port?: undefined;
  /** Stops the server when it aborts. */
  signal?: AbortSignal;
  /** Called when the server listens, in place of printing the address. */
  onListen?: (address: UnixAddress) => void;
}

/** The options of `Deno.serve` that say where to listen. */
export type ListenOptions = TcpListenOptions | UnixListenOptions;

/** A server that listens; `Deno.HttpServer` fits. */
export interface HttpServer extends AsyncDisposable {
  /** The address on which it listens. */
  readonly addr: NetAddress | UnixAddress;
  /** Resolves when the server has stopped. */
  readonly finished: Promise<void>;
  /** Accepts no more connections, and resolves when all requests have finished. */
  shutdown(): Promise<void>;
  /** Lets the server keep the process alive; it does from the start. */
  ref(): void;
  /** Lets the process exit although the server listens. */
  unref(): void;
}

const PORT: OptionRule = numberThat(
  "a port, from 0 to 65535",
  (port) => Number.isInteger(port) && port >= 0 && port <= 65535,
);

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
 * Checks options and returns them. Options with a `path` are for a Unix socket.
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
