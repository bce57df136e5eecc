import { describe } from "../base/describe.ts";
import { randomId, toHex } from "../base/ids.ts";

const ALGORITHM = { name: "HMAC", hash: "SHA-256" };

/** A token: 128 random bits, and the signature, in lower-case hex digits. */
const TOKEN = /^([\da-f]{32})([\da-f]{64})$/;

/** Signs the tokens of a `FormTokens`, and checks their signatures. */
export class FormSigner {
  readonly #secret: Uint8Array<ArrayBuffer>;
  #key: Promise<CryptoKey> | undefined = undefined;

  /** @param secret At least 32 characters; by default it is random. */
  constructor(secret: string = randomId() + randomId()) {
    this.#secret = bytesOf(secret);
  }

  /** Returns a new token for a viewer. */
  async make(viewer: string): Promise<string> {
    if (typeof viewer !== "string") {
      throw new TypeError(
        `Cannot make a form token: the viewer is not a string: ${
          describe(viewer)
        }`,
      );
    }
    const salt = randomId();
    const key = await this.#getKey();
    const signed = await crypto.subtle.sign(
      ALGORITHM,
      key,
      signedText(salt, viewer),
    );
    return salt + toHex(new Uint8Array(signed));
  }

  /** Returns whether a token is the viewer's. */
  async isValid(token: unknown, viewer: string | undefined): Promise<boolean> {
    if (typeof token !== "string" || typeof viewer !== "string") return false;
    const [, salt, signature] = TOKEN.exec(token) ?? [];
    if (salt === undefined || signature === undefined) return false;
    return await crypto.subtle.verify(
      ALGORITHM,
      await this.#getKey(),
      fromHex(signature),
      signedText(salt, viewer),
    );
  }

  #getKey(): Promise<CryptoKey> {
    return this.#key ??= crypto.subtle.importKey(
      "raw",
      this.#secret,
      ALGORITHM,
      false,
      ["sign", "verify"],
    );
  }
}

/** Lone surrogates stay apart in JSON; in UTF-8 they are all one character. */
function signedText(salt: string, viewer: string): Uint8Array<ArrayBuffer> {
  return bytesOf(salt + JSON.stringify(viewer));
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Returns the bytes of an even number of hex digits. */
export function fromHex(digits: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(digits.length / 2);
  for (const index of bytes.keys()) {
    bytes[index] = parseInt(digits.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}
