import { builtin } from "../base/promises.ts";

/** Returns the SHA-256 of a secret in lower-case hex digits, as stores keep it. */
export function hashOfSecret(secret: string): string {
  return builtin("node:crypto").hash("sha256", secret);
}
