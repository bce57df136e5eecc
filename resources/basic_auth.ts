/**
 * A check of passwords that the program holds.
 *
 * @module
 */

import { builtin } from "../base/loading.ts";
import { describe } from "../base/describe.ts";

/** Returns whether a password is the user's. */
export type PasswordCheck = (
  user: string,
  password: string,
) => boolean | Promise<boolean>;

/**
 * Makes a check for a guard from the passwords of a few users.
 *
 * The time that the check takes reveals neither passwords, nor their lengths, nor
 * the names of users. It suits a few users of an internal page. For many users,
 * store salted hashes, and write a check that reads them.
 *
 * @param users The password of each user, by name; read once. A user with a colon
 * in the name cannot log in, since Basic authentication does not allow colons.
 * @returns a check that returns its result at once.
 * @throws {TypeError} If a password is not a string: a variable of the environment
 * that is not set, for example.
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
        // Shows the type only, since the value may be a secret.
        `Cannot check passwords: the password of "${user}" is not a string: ${typeof password}`,
      );
    }
    digests.set(user, digestOf(password));
  }
  const unknown = digestOf("");
  return (user, password) => {
    const digest = digests.get(user);
    const isSame = builtin("node:crypto").timingSafeEqual(
      digestOf(password),
      digest ?? unknown,
    );
    return isSame && digest !== undefined;
  };
}

/** Hashes a password, since timingSafeEqual() needs values of equal length. */
function digestOf(password: string): Uint8Array {
  return builtin("node:crypto").hash("sha256", password, "buffer");
}

/**
 * Returns the `WWW-Authenticate` that asks for a user and a password (RFC 7617).
 *
 * @throws {TypeError} If the realm is not a string.
 * @throws {SyntaxError} If it is not printable ASCII: browsers differ in how they
 * read other characters.
 */
export function basicChallenge(realm: string): string {
  const shown = describe(realm);
  if (typeof realm !== "string") {
    throw new TypeError(`Cannot use realm ${shown}: not a string`);
  }
  if (/[^ -~]/.test(realm)) {
    throw new SyntaxError(`Cannot use realm ${shown}: not printable ASCII`);
  }
  const quoted = realm.replace(/["\\]/g, "\\$&");
  return `Basic realm="${quoted}", charset="UTF-8"`;
}
