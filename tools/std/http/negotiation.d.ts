/** Lists the media types that the client accepts, best first. */
export function accepts(request: Pick<Request, "headers">): string[];

/** Picks the best of some media types, `undefined` if none will do. */
export function accepts<T extends string = string>(
  request: Pick<Request, "headers">,
  ...types: T[]
): T | undefined;

/** Lists the encodings that the client accepts, best first. */
export function acceptsEncodings(request: Pick<Request, "headers">): string[];

/** Picks the best of some encodings, `undefined` if none will do. */
export function acceptsEncodings<T extends string = string>(
  request: Pick<Request, "headers">,
  ...encodings: T[]
): T | undefined;

/** Lists the languages that the client accepts, best first. */
export function acceptsLanguages(request: Pick<Request, "headers">): string[];

/** Picks the best of some languages, `undefined` if none will do. */
export function acceptsLanguages<T extends string = string>(
  request: Pick<Request, "headers">,
  ...langs: T[]
): T | undefined;
