import { describe } from "../base/describe.ts";

/**
 * Checks a principal.
 *
 * @throws {TypeError} If it is neither a string nor undefined.
 */
export function checkPrincipal(principal: unknown): void {
  if (principal === undefined || typeof principal === "string") return;
  throw new TypeError(
    `Cannot set the principal of a session: not a string: ${
      describe(principal)
    }`,
  );
}

/**
 * Checks that a session has no principal yet, before it gets one.
 *
 * @throws {Error} If it has a principal.
 */
export function checkHasNone(
  session: { readonly uid: string; readonly principal: string | undefined },
  principal: string,
): void {
  if (session.principal === undefined) return;
  throw new Error(
    `Cannot set the principal of session "${session.uid}" to ${
      describe(principal)
    }: it is ${
      describe(session.principal)
    }; end this session first, or call request.logIn()`,
  );
}
