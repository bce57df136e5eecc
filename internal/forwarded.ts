import { trimSpace } from "./white_space.ts";

/** What a proxy says of the visitor whose request it hands on. */
export interface Forwarded {
  /** The visitor's address, without a port. */
  readonly address: string | undefined;
  /** The host that the visitor asked for, with its port. */
  readonly host: string | undefined;
  /** "https" or "http". */
  readonly protocol: string | undefined;
}

/**
 * What the nearest proxy says: it writes behind what came with the request, so
 * the last of several is its own and the others anybody's.
 *
 * `X-Forwarded-For`, `-Host` and `-Proto`; where there is none of them,
 * `Forwarded` (RFC 7239).
 */
export function forwardedBy(headers: Headers): Forwarded {
  const address = lastOf(headers.get("x-forwarded-for"));
  const host = lastOf(headers.get("x-forwarded-host"));
  const protocol = lastOf(headers.get("x-forwarded-proto"));
  if (address ?? host ?? protocol) {
    return {
      address: withoutPort(address),
      host,
      protocol: protocol?.toLowerCase(),
    };
  }
  const pairs = parsePairs(headers.get("forwarded") ?? "");
  return {
    address: withoutPort(pairs.get("for")),
    host: pairs.get("host"),
    protocol: pairs.get("proto")?.toLowerCase(),
  };
}

function lastOf(list: string | null): string | undefined {
  return trimSpace(list?.split(",").at(-1) ?? "") || undefined;
}

/**
 * One `name=value` of a `Forwarded` header. A value without quotes is visible
 * ASCII.
 */
const PAIR =
  /^[\t ]*([!#$%&'*+.^`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([!#-~]+))[\t ]*$/;

/**
 * The pairs of the last element of a `Forwarded` header; none if it is malformed.
 *
 * It begins at the last comma, even if a quote before it is left open: what
 * comes before is the visitor's, who may have left it open on purpose.
 */
function parsePairs(header: string): Map<string, string> {
  const pairs = new Map<string, string>();
  const element = header.slice(header.lastIndexOf(",") + 1);
  for (const part of element.split(";")) {
    const [, name, quoted, token] = PAIR.exec(part) ?? [];
    if (name === undefined) return new Map();
    const value = quoted?.replace(/\\(.)/g, "$1") ?? token;
    if (value) pairs.set(name.toLowerCase(), value);
  }
  return pairs;
}

/** `1.2.3.4:5` and `[::1]:5` without their ports; `::1` has none. */
function withoutPort(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(address);
  if (bracketed !== null) return bracketed[1];
  return /^[^:]*:\d+$/.test(address) ? address.split(":", 1)[0] : address;
}
