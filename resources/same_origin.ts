/**
 * Protection from pages of other origins: by headers, and by tokens in forms.
 *
 * @module
 */

import {
  checkOptions,
  type OptionRules,
  ORIGINS,
  STRING,
} from "../base/options.ts";
import { proceed } from "../base/promises.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import type { FormSigner } from "./form_signer.ts";
import {
  checkResource,
  giveBackSegment,
  loadLaterCode,
  renderBehind,
} from "./wrap.ts";

/** The options of a {@linkcode SameOrigin}. */
export interface SameOriginOptions {
  /**
   * Other origins whose pages may send requests of any method, each as browsers
   * write it in `Origin`: `"https://app.example"`, for example.
   *
   * @default {[]}
   */
  origins?: readonly string[];
}

/**
 * Protects a resource, and all below it, from requests that pages of other origins
 * make a browser send (CSRF). They get a 403.
 *
 * GET, HEAD and OPTIONS pass: they should change nothing. Requests of other methods,
 * and requests for a WebSocket, pass if the browser says that they come from this
 * origin, in `Sec-Fetch-Site` or, over plain http, in `Origin`. Subdomains are other
 * origins. A request without both headers passes, since it is not from a browser. A
 * request with a bearer token passes too, since no browser adds one by itself.
 *
 * Over plain http a page with `Referrer-Policy: no-referrer` sends `Origin: null`
 * with its own forms, and gets a 403.
 *
 * It takes no segment of the path: the resource has the path of this one. Children
 * that are put into it are never found. {@linkcode Guard}, {@linkcode SessionGuard}
 * and {@linkcode LoginGuard} refuse the same requests.
 *
 * Twisted has no such resource.
 *
 * @example Usage
 * ```ts
 * import { Resource, SameOrigin, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * class Order extends Resource {
 *   override render_POST(): string {
 *     return "ordered";
 *   }
 * }
 *
 * const root = new Resource().putChild("order", new Order());
 * await using site = new Site(new SameOrigin(root));
 * const response = await site.fetch(
 *   new Request("https://shop.example/order", {
 *     method: "POST",
 *     headers: { "sec-fetch-site": "cross-site" },
 *   }),
 * );
 * assertEquals(response.status, 403);
 * ```
 */
export class SameOrigin extends Resource {
  /** False: the resource does not use the session. */
  override usesSession: boolean = false;
  readonly #resource: Resource;
  readonly #origins: readonly string[];

  /**
   * Puts the protection before a resource.
   *
   * @throws {TypeError} If an argument or an option is of the wrong kind, or an
   * option is unknown.
   * @throws {RangeError} If one of `origins` is not an origin.
   */
  constructor(resource: Resource, options: SameOriginOptions = {}) {
    super();
    checkResource("protect", resource);
    const act = "protect a resource";
    checkOptions(act, options, { origins: ORIGINS });
    this.#resource = resource;
    this.#origins = [...options.origins ?? []];
  }

  /** Returns the protected resource, from which the walk continues. */
  override getChildWithDefault(
    _name: string,
    request: SiteRequest,
  ): Resource | Promise<Resource> {
    giveBackSegment(request);
    return this.#admit(request);
  }

  /** Renders the protected resource, if the path ends here. */
  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    return renderBehind(this.#admit(request), request);
  }

  #admit(request: SiteRequest): Resource | Promise<Resource> {
    return proceed(loadLaterCode(), ({ refuseForeignChange }) => {
      refuseForeignChange(request, this.#origins);
      return this.#resource;
    });
  }
}

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
