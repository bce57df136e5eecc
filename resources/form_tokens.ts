/**
 * Tokens that show that a form is from this site.
 *
 * @module
 */

import { describe } from "../base/describe.ts";
import { fromHex, randomId, toHex } from "../base/ids.ts";
import { checkOptions, type OptionRules, STRING } from "../base/options.ts";

/** The options of {@linkcode FormTokens}. */
export interface FormTokensOptions {
  /**
   * The secret that the tokens are made with, 32 characters or more. By default it
   * is random, and tokens are valid in this process only. Processes that answer
   * each other's forms need the same one, and so do forms that outlive a restart.
   *
   * @default {undefined}
   */
  secret?: string;
}

const ALGORITHM = { name: "HMAC", hash: "SHA-256" };

const RULES: OptionRules<FormTokensOptions> = { secret: STRING };

/** The fewest characters of a secret: 128 bits if they are hexadecimal. */
const MIN_SECRET = 32;

/** A token: 128 random bits, and the signature, in lower-case hex digits. */
const TOKEN = /^([\da-f]{32})([\da-f]{64})$/;

/**
 * Makes tokens for forms, so that no page of another site can make a browser post
 * them in a visitor's name.
 *
 * Each token is for one viewer: give the `uid` of the session, or the name of a
 * user. Two tokens of a viewer differ, so that a compressed page does not reveal
 * them. Each may be sent any number of times, as long as the viewer exists and the
 * secret stays the same.
 *
 * {@linkcode SameOrigin} refuses foreign posts without tokens, by headers that all
 * browsers have sent since 2023. Use tokens beside it for older browsers, or where
 * other pages of the same origin are not trusted.
 *
 * @example A form
 * ```ts
 * import { FormTokens, HttpError, Resource, Site, type SiteRequest } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * const tokens = new FormTokens();
 *
 * class Order extends Resource {
 *   override async render_GET(request: SiteRequest): Promise<string> {
 *     const token = await tokens.make(request.getSession().uid);
 *     return `<form method="post"><input type="hidden" name="token" value="${token}">
 *       <button>Order</button></form>`;
 *   }
 *   override async render_POST(request: SiteRequest): Promise<string> {
 *     const token = (await request.formData()).get("token");
 *     if (!await tokens.isValid(token, request.session?.uid)) {
 *       throw new HttpError(403, "The page is out of date: reload it");
 *     }
 *     return "Ordered";
 *   }
 * }
 *
 * await using site = new Site(new Resource().putChild("order", new Order()));
 * const response = await site.fetch(
 *   new Request("http://localhost/order", {
 *     method: "POST",
 *     body: new URLSearchParams({ token: "invented" }),
 *   }),
 * );
 * assertEquals(response.status, 403);
 * ```
 */
export class FormTokens {
  readonly #secret: Uint8Array<ArrayBuffer>;
  #key: Promise<CryptoKey> | undefined = undefined;

  /**
   * Makes the tokens of one secret.
   *
   * @throws {TypeError} If the secret is not a string.
   * @throws {RangeError} If the secret has fewer than 32 characters.
   */
  constructor(options: FormTokensOptions = {}) {
    checkOptions("make form tokens", options, RULES);
    const { secret = randomId() + randomId() } = options;
    if (secret.length < MIN_SECRET) {
      throw new RangeError(
        `Cannot make form tokens: the secret has ${secret.length} characters: fewer than ${MIN_SECRET}`,
      );
    }
    this.#secret = bytesOf(secret);
  }

  /**
   * Returns a token for the forms of a viewer: 96 lower-case hex digits.
   *
   * @param viewer Identifies the viewer: the `uid` of the session, for example.
   * @throws {TypeError} Rejects if the viewer is not a string.
   */
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

  /**
   * Returns whether a token is the viewer's; compares in a time that does not
   * depend on its digits.
   *
   * @param token A field of a form; false for anything but a string.
   * @param viewer The viewer; false for undefined.
   */
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
