import { describe } from "../base/describe.ts";

/** The user and the password of a client. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/**
 * Reads the user and the password of an `Authorization` header.
 *
 * @returns undefined if the scheme is not Basic, the text is not base64 of UTF-8,
 * the colon is missing, or there is a control character, which RFC 7617 forbids.
 */
export function parseBasic(header: string): Credentials | undefined {
  const [, encoded] = /^basic +(\S+)$/i.exec(header) ?? [];
  if (encoded === undefined) return undefined;
  const text = decode(encoded);
  // The user has no colon; the password may.
  const colon = text?.indexOf(":") ?? -1;
  if (text === undefined || colon === -1 || /\p{Cc}/u.test(text)) {
    return undefined;
  }
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
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

function decode(base64: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(Uint8Array.from(atob(base64), (unit) => unit.charCodeAt(0)));
  } catch {
    return undefined;
  }
}
