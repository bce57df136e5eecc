import { escape } from "@std/html";
import type { Cookie } from "@std/http/cookie";
import { describe } from "../base/describe.ts";
import {
  BOOLEAN,
  checkOptions,
  listOf,
  NUMBER,
  oneOf,
  type OptionRules,
  required,
  STRING,
} from "../base/options.ts";
import type { MaybePromise } from "../base/promises.ts";
import { COOKIE_DOMAIN } from "./headers.ts";
import type { Delivery, DeliveryEnd } from "./delivery.ts";
import { HTML, type LoadFollow, responseOf } from "./response.ts";

const COOKIE_RULES: OptionRules<Cookie> = {
  name: required(STRING),
  value: required(STRING),
  expires: {
    kind: "a Date or a number",
    isKind: (value) => value instanceof Date || typeof value === "number",
  },
  maxAge: NUMBER,
  domain: STRING,
  path: STRING,
  secure: BOOLEAN,
  httpOnly: BOOLEAN,
  partitioned: BOOLEAN,
  sameSite: oneOf("Strict", "Lax", "None"),
  unparsed: listOf("a list of attributes", STRING),
};

/** The headers that a session adds to a response. */
export interface ResponseAdditions {
  readonly setCookie: string | undefined;
  readonly clearSiteData: string | undefined;
  readonly cacheControl: string | undefined;
  readonly sessionToken?: string | undefined;
}

/** The facts about a request that its response depends on. */
export interface RespondingRequest {
  /** Whether the method is HEAD. */
  readonly isHead: boolean;
  /** Aborts when the site stops. */
  readonly stopSignal: AbortSignal;
  /** Receives errors; must not throw. */
  readonly report: (error: unknown) => void;
  /** Loads the code that follows a streamed body. */
  readonly loadFollow: LoadFollow;
}

/** Status, headers and cookies of a response; it starts as a 200 without headers. */
export class ResponseDraft {
  status = 200;
  /** Whether a resource set the status. */
  #hasOwnStatus = false;
  #statusText = "";
  /** Undefined until a header is set or asked for. */
  #headers: Headers | undefined = undefined;
  /** Whole `Set-Cookie` values. */
  #cookies: string[] | undefined = undefined;
  /** The delivery to notify; undefined if no code watches it. */
  delivery: Delivery | undefined = undefined;
  /** Undefined until the response is produced. */
  #sentStatus: number | undefined = undefined;

  /** The headers set so far. */
  get headers(): Headers {
    return this.#headers ??= new Headers();
  }

  /** Whether nothing has been set, and no code watches the delivery. */
  get isUntouched(): boolean {
    return this.status === 200 && this.#statusText === "" &&
      this.#headers === undefined && this.#cookies === undefined &&
      this.delivery === undefined;
  }

  /**
   * Sets the status.
   *
   * @throws {RangeError} If no Response can have the code.
   */
  setStatus(code: number, message = ""): void {
    if (!Number.isInteger(code) || code < 200 || code > 599) {
      throw new RangeError(
        `Cannot set response code ${
          describe(code)
        }: not an integer from 200 to 599`,
      );
    }
    this.status = code;
    this.#hasOwnStatus = true;
    this.#statusText = message;
  }

  /**
   * Adds a cookie.
   *
   * @throws {SyntaxError} If no cookie can have the name or the value.
   */
  addCookie(cookie: Cookie): void {
    (this.#cookies ??= []).push(serializeCookie(cookie));
  }

  /** Drops headers and keeps cookies, for an error page of a status. */
  reset(status: number): void {
    this.status = status;
    this.#hasOwnStatus = false;
    this.#statusText = "";
    this.#headers = undefined;
  }

  /** Calls back at the end of the delivery, with the status that was sent. */
  notify(
    delivery: Delivery,
    callback: (status: number | undefined, end: DeliveryEnd) => void,
  ): void {
    delivery.notify((end) => callback(this.#sentStatus, end));
  }

  /** Makes the response of a value that a resource rendered. */
  respond(
    rendered: BodyInit | Response,
    added: ResponseAdditions,
    { isHead, stopSignal, report, loadFollow }: RespondingRequest,
  ): MaybePromise<Response> {
    const { status } = this;
    const { clearSiteData, sessionToken, setCookie, cacheControl } = added;
    if (sessionToken !== undefined) {
      this.headers.set("session-token", sessionToken);
    }
    if (clearSiteData !== undefined && !this.headers.has("clear-site-data")) {
      this.headers.set("clear-site-data", clearSiteData);
    }
    const sent = rendered instanceof Response ? rendered.status : status;
    this.#sentStatus = sent;
    if (status !== sent && this.#hasOwnStatus) {
      report(
        new Error(
          `Cannot set response code ${status}: the resource returned a Response with status ${sent}`,
        ),
      );
    }
    const cookies = this.#cookies ?? [];
    return responseOf(rendered, {
      status,
      statusText: this.#statusText,
      headers: this.#headers,
      cookies: setCookie === undefined ? cookies : [...cookies, setCookie],
      cacheControl,
      isHead,
      delivery: this.delivery,
      onBodyError: report,
      stopSignal,
      loadFollow,
    });
  }
}

/** Matches a name that a cookie can have, as `@std/http` does. */
const NAME = /^[^\0- \x7f-\uffff()@<>,;:\\"[\]?={}]+$/;

/** Matches the value of a cookie (RFC 6265, 4.1.1). */
const VALUE = /^[!#-+\--:<-[\]-~]*$/;

/** Matches the path of a cookie. */
const PATH = /^[ -:<-~]*$/;

/**
 * Returns the value of a `Set-Cookie` header, as setCookie of `@std/http` writes it.
 *
 * @throws {TypeError} If an attribute is of the wrong kind, or unknown.
 * @throws {RangeError} If `sameSite` is not one of the three, or `maxAge` is below 0.
 * @throws {SyntaxError} If no cookie can have the name, the value, the domain or the
 * path.
 */
function serializeCookie(cookie: Cookie): string {
  checkOptions("set a cookie", cookie, COOKIE_RULES);
  const { name, value, httpOnly, partitioned, sameSite } = cookie;
  const { maxAge, expires, unparsed } = cookie;
  // Browsers refuse the prefixes without these attributes.
  const isOfHost = name.startsWith("__Host");
  const domain = isOfHost ? undefined : cookie.domain;
  const path = isOfHost ? "/" : cookie.path;
  const isSecure = isOfHost || name.startsWith("__Secure") || cookie.secure;
  const check = (part: string, text: string | undefined, form: RegExp) => {
    if (!text && part !== "name" || form.test(text!)) return;
    throw new SyntaxError(
      `Cannot set cookie ${describe(name)}: the ${part} is not valid: ${
        describe(text)
      }`,
    );
  };
  check("name", name, NAME);
  check("value", value, VALUE);
  check("domain", domain, COOKIE_DOMAIN);
  check("path", path, PATH);
  const hasAge = maxAge !== undefined && Number.isInteger(maxAge);
  if (hasAge && maxAge < 0) {
    throw new RangeError(
      `Cannot set cookie ${describe(name)}: maxAge is below 0: ${maxAge}`,
    );
  }
  const text = [
    `${name}=${value}`,
    isSecure && "Secure",
    httpOnly && "HttpOnly",
    partitioned && "Partitioned",
    hasAge && `Max-Age=${maxAge}`,
    domain && `Domain=${domain}`,
    sameSite && `SameSite=${sameSite}`,
    path && `Path=${path}`,
    expires && `Expires=${new Date(expires).toUTCString()}`,
    ...unparsed ?? [],
  ].filter(Boolean).join("; ");
  // Refuses line breaks in `unparsed`.
  return new Headers([["set-cookie", text]]).getSetCookie()[0]!;
}

const REDIRECTS: readonly unknown[] = [301, 302, 303, 307, 308];

/**
 * Makes a response that redirects the client, with a page that links to the URL.
 *
 * @throws {RangeError} If the code is not 301, 302, 303, 307 or 308.
 */
export function redirectTo(url: string | URL, code: number): Response {
  if (!REDIRECTS.includes(code)) {
    throw new RangeError(
      `Cannot redirect with code ${describe(code)}: not one of ${
        REDIRECTS.join(", ")
      }`,
    );
  }
  const location = encodeUnprintable(String(url));
  const link = escape(location);
  return new Response(
    `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Redirecting</title></head>
<body><p>The page is at <a href="${link}">${link}</a>.</p></body>
</html>
`,
    { status: code, headers: [["content-type", HTML], ["location", location]] },
  );
}

/** Percent-encodes characters that a header cannot have, such as line breaks. */
function encodeUnprintable(text: string): string {
  return text.toWellFormed().replace(
    /[^\x21-\x7e]/gu,
    (character) => encodeURIComponent(character),
  );
}
