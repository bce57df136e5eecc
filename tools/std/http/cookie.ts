/**
 * Reads and writes cookies: the code of std, typed here.
 *
 * @module
 */

// @ts-types="./cookie.d.ts"
export * from "npm:deno-std@1.4.0/http/cookie.js";
