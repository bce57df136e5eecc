import { describe } from "./describe.ts";

/** What `Deno.serve` takes to listen somewhere. */
export type ListenOptions =
  | Deno.ServeTcpOptions
  | (Deno.ServeTcpOptions & Deno.TlsCertifiedKeyPem)
  | Deno.ServeUnixOptions;

/** One part of a description, `name=value` or a value alone. */
interface Part {
  readonly name: string | undefined;
  readonly value: string;
  /** Where the part begins in the description. */
  readonly at: number;
}

/** The parameters of each kind, and the one that may stand without its name. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  tcp: ["port", "interface", "backlog"],
  ssl: ["port", "interface", "backlog", "cert", "key"],
  unix: ["path"],
};

/**
 * What to hand to `Deno.serve` for a description such as `tcp:8080`.
 *
 * @throws {SyntaxError} If it does not describe an endpoint; it says where.
 */
export function parseEndpoint(description: string): ListenOptions {
  const refuse = (what: string, at: number): never => {
    throw new SyntaxError(
      `Cannot listen on ${describe(description)}: ${what}, at character ${at}`,
    );
  };
  const [kind, ...parts] = split(description);
  const known = KINDS[kind!.value];
  if (known === undefined || kind!.name !== undefined) {
    return refuse(`the kind is not one of ${Object.keys(KINDS).join(", ")}`, 0);
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
  const options: Deno.ServeTcpOptions = { port: number("port", 65535) };
  const hostname = values.get("interface")?.value;
  if (hostname !== undefined) options.hostname = hostname;
  if (values.has("backlog")) {
    options.tcpBacklog = number("backlog", 2 ** 31 - 1);
  }
  if (kind!.value === "tcp") return options;
  const cert = need("cert");
  const key = need("key");
  return {
    ...options,
    cert: Deno.readTextFileSync(cert),
    key: Deno.readTextFileSync(key),
  };
}

/** Splits at colons and equals signs that no backslash precedes. */
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
