const ALGORITHM = { name: "HMAC", hash: "SHA-256" };

/**
 * Tokens for forms, so that no other site can have a visitor's browser post
 * them. They count for one viewer, as long as the process lives.
 */
export class FormTokens {
  #key: Promise<CryptoKey> | undefined = undefined;

  /** The token that a viewer's forms carry. */
  async make(viewer: string): Promise<string> {
    const key = await this.#getKey();
    const signed = await crypto.subtle.sign(ALGORITHM, key, bytesOf(viewer));
    return new Uint8Array(signed).toHex();
  }

  /** Whether a token is the viewer's, compared in constant time. */
  async isRight(token: string, viewer: string): Promise<boolean> {
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
