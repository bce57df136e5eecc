import type { Cookie } from "@std/http/cookie";
import { describe } from "../base/describe.ts";
import { serializeCookie } from "./cookies.ts";

/** Status, headers and cookies of a response; it starts as a 200 without headers. */
export class ResponseDraft {
  status = 200;
  /** Whether a resource set the status. */
  hasOwnStatus = false;
  statusText = "";
  /** Undefined until a header is set or asked for. */
  ownHeaders: Headers | undefined = undefined;
  /** Whole `Set-Cookie` values. */
  cookies: string[] | undefined = undefined;

  /** The headers set so far. */
  get headers(): Headers {
    return this.ownHeaders ??= new Headers();
  }

  /** Whether nothing has been set. */
  get isUntouched(): boolean {
    return this.status === 200 && this.statusText === "" &&
      this.ownHeaders === undefined && this.cookies === undefined;
  }

  /** Sets a header, unless it is set already. */
  setDefault(name: string, value: string): void {
    if (!this.headers.has(name)) this.headers.set(name, value);
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
    this.hasOwnStatus = true;
    this.statusText = message;
  }

  /**
   * Adds a cookie.
   *
   * @throws {SyntaxError} If no cookie can have the name or the value.
   */
  addCookie(cookie: Cookie): void {
    (this.cookies ??= []).push(serializeCookie(cookie));
  }
}
