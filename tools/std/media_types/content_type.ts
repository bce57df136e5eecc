/**
 * Finds the media type of a file: the code of std, typed here.
 *
 * @module
 */

// @ts-types="./content_type.d.ts"
export * from "npm:deno-std@1.4.0/media_types/content_type.js";
