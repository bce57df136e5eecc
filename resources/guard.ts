/**
 * Resources that require a user's name and password, and a check of passwords that
 * the program holds.
 *
 * @module
 */

import { describe } from "../base/describe.ts";
import { builtin, proceed } from "../base/promises.ts";
import {
  BOOLEAN,
  checkOptions,
  type OptionRules,
  ORIGINS,
  required,
  STRING,
} from "../base/options.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import type { GuardTerms, PasswordCheck } from "./admission.ts";
import {
  checkResource,
  giveBackSegment,
  loadLaterCode,
  renderBehind,
} from "./wrap.ts";

export type { PasswordCheck };

/** The options of a {@linkcode Guard}. */
export interface GuardOptions {
  /**
   * The name of the protected area, in printable ASCII. Browsers show it, and
   * send the password to all resources of the same realm and host.
   */
  realm: string;
  /**
   * Other origins whose pages may send requests of any method, each as browsers
   * write it in `Origin`: `"https://app.example"`, for example.
   *
   * @default {[]}
   */
  origins?: readonly string[];
  /**
   * Whether streamed bodies and WebSockets of the guarded resources end with the
   * session of their request: at its end, after a login elsewhere, and at a stop.
   * That concerns bodies of unknown length other than JSON. The events and sockets
   * of sessions end with them in any case.
   *
   * @default {true}
   */
  endsWithSession?: boolean;
}

const RULES: OptionRules<GuardOptions> = {
  realm: required(STRING),
  origins: ORIGINS,
  endsWithSession: BOOLEAN,
};

/**
 * Protects a resource, and all below it, by a user's name and password. A request
 * without them gets a 401.
 *
 * The guard takes no segment of the path: the resource has the guard's own path.
 * The 401 is the same for every path and method, so that it reveals nothing about
 * the protected resources. Children that are put into the guard itself are never
 * found.
 *
 * {@linkcode SiteRequest.user} is the user's name. Each request carries the
 * password, which others can read unless the connection is https.
 *
 * Browsers send the password with forms of other sites too. So a request of a page
 * of another origin gets a 403, and no check, if its method is not GET, HEAD or
 * OPTIONS; see {@linkcode SameOrigin}.
 *
 * From Twisted's `twisted.web.guard.HTTPAuthSessionWrapper`, with Basic
 * authentication (RFC 7617) only, and a check in place of a portal.
 *
 * @example Usage
 * ```ts
 * import { Guard, notFound, passwordCheck, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * const check = passwordCheck({ alice: "open sesame" });
 * await using site = new Site(
 *   new Guard(notFound(), check, { realm: "Treasure" }),
 * );
 * const stranger = await site.fetch(new Request("http://localhost/cave"));
 * assertEquals(stranger.status, 401);
 *
 * const authorization = `Basic ${btoa("alice:open sesame")}`;
 * const alice = await site.fetch(
 *   new Request("http://localhost/cave", { headers: { authorization } }),
 * );
 * assertEquals(alice.status, 404);
 * ```
 */
export class Guard extends Resource {
  /** The name of the protected area; see {@linkcode GuardOptions.realm}. */
  readonly realm: string;
  readonly #check: PasswordCheck;
  readonly #terms: GuardTerms;

  /**
   * Puts a guard before a resource.
   *
   * @param resource The resource to protect.
   * @param check Returns whether a password is the user's. If it throws, rejects
   * or returns neither true nor false, access is denied, and the error is reported
   * as a 500. An {@linkcode HttpError} that it throws is the response: a 429 after
   * too many attempts, for example.
   * @throws {TypeError} If an argument or an option is of the wrong kind, or an
   * option is unknown.
   * @throws {RangeError} If one of `origins` is not an origin.
   * @throws {SyntaxError} If the realm is not printable ASCII.
   */
  constructor(resource: Resource, check: PasswordCheck, options: GuardOptions) {
    super();
    // A subclass may authenticate by the session.
    this.usesSession = new.target !== Guard;
    checkResource("guard", resource);
    if (typeof check !== "function") {
      throw new TypeError(
        `Cannot guard ${describe(resource)}: the check is not a function: ${
          describe(check)
        }`,
      );
    }
    checkOptions("make a guard", options, RULES);
    this.#check = check;
    this.realm = options.realm;
    this.#terms = {
      resource,
      challenge: basicChallenge(options.realm),
      origins: [...options.origins ?? []],
      endsWithSession: options.endsWithSession ?? true,
      authenticate: (request) => this.authenticate(request),
    };
  }

  /**
   * Returns the user's name if the request has the user's password. Override it
   * to authenticate requests in another way.
   *
   * @returns the user's name, or a promise of it; undefined leads to a 401.
   */
  authenticate(
    request: SiteRequest,
  ): string | undefined | Promise<string | undefined> {
    return proceed(
      loadLaterCode(),
      ({ authenticate }) => authenticate(request, this.#check),
    );
  }

  /** Returns the protected resource or the 401, from which the walk continues. */
  override getChildWithDefault(
    _name: string,
    request: SiteRequest,
  ): Resource | Promise<Resource> {
    giveBackSegment(request);
    return this.#admit(request);
  }

  /** Renders the protected resource or the 401, if the path ends here. */
  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    return renderBehind(this.#admit(request), request);
  }

  #admit(request: SiteRequest): Resource | Promise<Resource> {
    return proceed(
      loadLaterCode(),
      ({ admitUser }) => admitUser(request, this.#terms),
    );
  }
}

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
