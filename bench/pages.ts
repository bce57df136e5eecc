/**
 * What the pages of all programs consist of: `/hello`, `/count` and `/new` are
 * measured, and the others make a mixed load.
 *
 * | page       | is answered by                                |
 * | ---------- | --------------------------------------------- |
 * | `/hello`   | a text                                        |
 * | `/count`   | the counter of the session that is found      |
 * | `/new`     | a text; a session is made                     |
 * | `/later`   | a text, by a promise                          |
 * | `/bytes`   | bytes, with a type of their own               |
 * | `/data`    | JSON, by a Response                           |
 * | all others | what the program answers for an unknown page  |
 *
 * @module
 */

export const HTML = "text/html; charset=utf-8";

export const BYTES: Uint8Array<ArrayBuffer> = new TextEncoder().encode(
  "hello",
);

export const DATA = { greeting: "hello" };
