import { trimSpace } from "../base/white_space.ts";

/** The data of a client in the headers of the proxy that forwards its request. */
export interface Forwarded {
  /** The client's address, without a port. */
  readonly address: string | undefined;
  /** The host that the client asked for, with its port. */
  readonly host: string | undefined;
  /** "https" or "http". */
  readonly protocol: string | undefined;
}

/**
 * Reads the data that the nearest proxy added. A proxy appends its value to those
 * that it receives, so only the last value can be trusted.
 *
 * The headers are `X-Forwarded-For`, `-Host` and `-Proto`, or `Forwarded` (RFC
 * 7239) if all of them are missing.
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
 * Returns the pairs of the last element of a `Forwarded` header; an empty map if
 * the element is malformed.
 *
 * The element begins at the last comma, even if a quote before the comma is open:
 * a client may have opened it on purpose.
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

/** Strips the port of `1.2.3.4:5` and `[::1]:5`; `::1` has no port. */
function withoutPort(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(address);
  if (bracketed !== null) return bracketed[1];
  return /^[^:]*:\d+$/.test(address) ? address.split(":", 1)[0] : address;
}
