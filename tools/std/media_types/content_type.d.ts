/**
 * The value of `Content-Type` for a file extension or a media type, with the
 * charset where there is one; `undefined` if it is not known.
 */
export function contentType(extensionOrType: string): string | undefined;
