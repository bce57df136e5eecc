import { describe } from "../base/describe.ts";
import type { TcpListenOptions, UnixListenOptions } from "./listen_options.ts";

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
