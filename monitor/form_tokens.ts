const ALGORITHM = { name: "HMAC", hash: "SHA-256" };

/**
 * Tokens for forms, so that no page of another site can make a viewer's browser
 * post them. A token is valid for one viewer and for the life of the process.
 */
export class FormTokens {
  #key: Promise<CryptoKey> | undefined = undefined;

  /** Returns the token for the forms of a viewer. */
  async make(viewer: string): Promise<string> {
    const key = await this.#getKey();
    const signed = await crypto.subtle.sign(ALGORITHM, key, bytesOf(viewer));
    return new Uint8Array(signed).toHex();
  }

  /** Returns whether a token is the viewer's; compares in constant time. */
  async isValid(token: string, viewer: string): Promise<boolean> {
    if (!/^[\da-f]{64}$/.test(token)) return false;
    const signature = Uint8Array.fromHex(token);
    const key = await this.#getKey();
    return crypto.subtle.verify(ALGORITHM, key, signature, bytesOf(viewer));
  }

  #getKey(): Promise<CryptoKey> {
    return this.#key ??= crypto.subtle.importKey(
      "raw",
      crypto.getRandomValues(new Uint8Array(32)),
      ALGORITHM,
      false,
      ["sign", "verify"],
    );
  }
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
