/** The origin of paths that name no host. */
const ORIGIN = "http://localhost";

/** Makes a request from the arguments of `fetch()`; paths are of localhost. */
export function toRequest(
  input: string | URL | Request,
  init?: RequestInit,
): Request {
  return new Request(input instanceof Request ? input : toURL(input), init);
}

/** Makes a URL from a path of localhost or a whole URL. */
export function toURL(input: string | URL): URL {
  return new URL(input, ORIGIN);
}
