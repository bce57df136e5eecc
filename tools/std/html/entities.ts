/**
 * Escapes and unescapes HTML entities: the code of std, typed here.
 *
 * @module
 */

// @ts-types="./entities.d.ts"
export * from "npm:deno-std@1.4.0/html/entities.js";
