/**
 * Tokens that show that a form is from this site.
 *
 * @module
 */

import { checkOptions, type OptionRules, STRING } from "../base/options.ts";
import type { FormSigner } from "./form_signer.ts";
import { loadLaterCode } from "./load_later.ts";

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

const RULES: OptionRules<FormTokensOptions> = { secret: STRING };

/** The fewest characters of a secret: 128 bits if they are hexadecimal. */
const MIN_SECRET = 32;

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
  readonly #secret: string | undefined;
  #signer: FormSigner | undefined = undefined;

  /**
   * Makes the tokens of one secret.
   *
   * @throws {TypeError} If the secret is not a string.
   * @throws {RangeError} If the secret has fewer than 32 characters.
   */
  constructor(options: FormTokensOptions = {}) {
    checkOptions("make form tokens", options, RULES);
    const { secret } = options;
    if (secret !== undefined && secret.length < MIN_SECRET) {
      throw new RangeError(
        `Cannot make form tokens: the secret has ${secret.length} characters: fewer than ${MIN_SECRET}`,
      );
    }
    this.#secret = secret;
  }

  /**
   * Returns a token for the forms of a viewer: 96 lower-case hex digits.
   *
   * @param viewer Identifies the viewer: the `uid` of the session, for example.
   * @throws {TypeError} Rejects if the viewer is not a string.
   */
  async make(viewer: string): Promise<string> {
    return (await this.#open()).make(viewer);
  }

  /**
   * Returns whether a token is the viewer's; compares in a time that does not
   * depend on its digits.
   *
   * @param token A field of a form; false for anything but a string.
   * @param viewer The viewer; false for undefined.
   */
  async isValid(token: unknown, viewer: string | undefined): Promise<boolean> {
    return (await this.#open()).isValid(token, viewer);
  }

  async #open(): Promise<FormSigner> {
    const { FormSigner } = await loadLaterCode();
    return this.#signer ??= new FormSigner(this.#secret);
  }
}
