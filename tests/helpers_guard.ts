/**
 * What the tests of guards share.
 *
 * @module
 */

import { passwordCheck, type Resource } from "../mod.ts";
import { Leaf } from "./helpers_http.ts";

/** The options of the guards. */
export const REALM = { realm: "Treasure" };

/** Knows one user. */
export const check: (user: string, password: string) => boolean = passwordCheck(
  { alice: "open sesame" },
);

/** What that user's requests have. */
export const alice: RequestInit = login("alice", "open sesame");

/** Says who is there, and the path as it looks from there. */
export const cave: Resource = new Leaf(({ user, prepath, postpath }) =>
  `${user} ${prepath.join("|")} > ${postpath.join("|")}`
);

/** A request's init with a user's name and password. */
export function login(user: string, password: string): RequestInit {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return withAuthorization(`Basic ${bytes.toBase64()}`);
}

/** A request's init with that header. */
export function withAuthorization(authorization: string): RequestInit {
  return { headers: { authorization } };
}
