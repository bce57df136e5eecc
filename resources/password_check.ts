/**
 * Passwords of users who are known beforehand.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";

/** Says whether a password is the user's. */
export type PasswordCheck = (
  user: string,
  password: string,
) => boolean | Promise<boolean>;

/**
 * Makes a check against passwords that the program knows, for a guard.
 *
 * How long it takes tells nothing of the passwords, their lengths, or which
 * users there are. For a few users of an internal page: for many, keep salted
 * hashes elsewhere, and write a check that asks for them.
 *
 * @param users The password of each user; it is read once. A user with a colon
 * in the name cannot log in, as Basic authentication has no place for it.
 * @returns a check that answers at once.
 * @throws {TypeError} If a password is not a string: one from the environment
 * that was not set, for example.
 *
 * @example Usage
 * ```ts
 * import { passwordCheck } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * const check = passwordCheck({ alice: "open sesame" });
 * assertEquals(check("alice", "open sesame"), true);
 * assertEquals(check("alice", "please"), false);
 * assertEquals(check("mallory", "open sesame"), false);
 * ```
 */
export function passwordCheck(
  users: Readonly<Record<string, string>>,
): (user: string, password: string) => boolean {
  const digests = new Map<string, Uint8Array>();
  for (const [user, password] of Object.entries(users)) {
    if (typeof password !== "string") {
      throw new TypeError(
        // What it is instead may be a secret.
        `Cannot check passwords: that of "${user}" is not a string: ${typeof password}`,
      );
    }
    digests.set(user, digestOf(password));
  }
  const nobodys = digestOf("");
  return (user, password) => {
    const digest = digests.get(user);
    const isSame = timingSafeEqual(digestOf(password), digest ?? nobodys);
    return isSame && digest !== undefined;
  };
}

/** The same length for all passwords, as the comparison asks for it. */
function digestOf(password: string): Uint8Array {
  return createHash("sha256").update(password).digest();
}
