/**
 * What the tests share that start servers at ports of their choice.
 *
 * @module
 */

/**
 * The ports that are tried. Systems give connections ports above these, and such a
 * connection could take the port while its server is not there, to itself even.
 */
const FIRST = 10_000;
const LAST = 29_999;

/** The port that is tried next; another process starts elsewhere. */
let next = FIRST + Math.floor(Math.random() * (LAST - FIRST));

/** Returns a port of 127.0.0.1 at which nothing listens, another with each call. */
export function freePort(): number {
  for (let tries = FIRST; tries <= LAST; tries++) {
    const port = next;
    next = next === LAST ? FIRST : next + 1;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("Cannot find a free port");
}
