/** The data of a client in the headers of the proxy that forwards its request. */
export interface Forwarded {
  /** The client's address, without a port. */
  readonly address: string | undefined;
  /** The host that the client asked for, with its port. */
  readonly host: string | undefined;
  /** "https", "http", or for a WebSocket "wss" or "ws". */
  readonly protocol: string | undefined;
}

/** The protocols that proxies write. */
const PROTOCOLS: readonly string[] = ["https", "http", "wss", "ws"];

/**
 * Reads the data that the trusted proxies added. One family of headers is read, as a
 * proxy passes on the other as the client sent it.
 *
 * Each proxy appends its value to those that it receives. So the value that the
 * outermost of `hops` proxies added is that many from the end. It is the first
 * value if there are fewer: then an inner proxy has replaced the list.
 */
export function forwardedBy(
  headers: Headers,
  trustProxy: string | true,
  hops: number,
): Forwarded {
  if (trustProxy === "forwarded") {
    const header = headers.get("forwarded");
    const pairs = parsePairs(entryOf(header, hops) ?? "");
    return dataOf(pairs.get("for"), pairs.get("host"), pairs.get("proto"));
  }
  const read = (name: string) =>
    // A value has no SP and no HTAB inside.
    entryOf(headers.get(`x-forwarded-${name}`), hops)?.split(/[\t ]+/)
      .filter(Boolean).join(" ") || undefined;
  return dataOf(read("for"), read("host"), read("proto"));
}

function dataOf(
  address: string | undefined,
  host: string | undefined,
  proto: string | undefined,
): Forwarded {
  const protocol = proto?.toLowerCase() ?? "";
  return {
    address: withoutPort(address),
    host,
    protocol: PROTOCOLS.includes(protocol) ? protocol : undefined,
  };
}

/**
 * Returns the entry that the outermost trusted proxy added.
 *
 * Entries end at commas, even at one inside of an open quote: a client may have
 * opened the quote on purpose.
 */
function entryOf(list: string | null, hops: number): string | undefined {
  const entries = list?.split(",");
  return entries?.at(-hops) ?? entries?.[0];
}

/**
 * One `name=value` of a `Forwarded` header. A value without quotes is visible
 * ASCII.
 */
const PAIR =
  /^[\t ]*([!#$%&'*+.^`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([!#-~]+))[\t ]*$/;

/**
 * Returns the pairs of one element of a `Forwarded` header; an empty map if the
 * element is malformed.
 */
function parsePairs(element: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const part of element.split(";")) {
    const [, name, quoted, token] = PAIR.exec(part) ?? [];
    if (name === undefined) return new Map();
    const value = quoted?.replace(/\\(.)/g, "$1") ?? token;
    if (value) pairs.set(name.toLowerCase(), value);
  }
  return pairs;
}

/** Strips the port of `1.2.3.4:5` and `[::1]:5`; `::1` has no port. */
function withoutPort(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(address);
  if (bracketed !== null) return bracketed[1];
  return /^[^:]*:\d+$/.test(address) ? address.split(":", 1)[0] : address;
}
