/**
 * Functions for media types: the code of std, typed here.
 *
 * @module
 */

export * from "./content_type.ts";
