import { hash } from "node:crypto";

/** What a store knows of a secret: its SHA-256, in lower-case hex digits. */
export function hashOfSecret(secret: string): string {
  return hash("sha256", secret);
}
