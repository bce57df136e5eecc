/**
 * Functions for HTML: the code of std, typed here.
 *
 * @module
 */

export * from "./entities.ts";
