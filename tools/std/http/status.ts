/**
 * HTTP statuses by name, with their texts: the code of std, typed here.
 *
 * @module
 */

// @ts-types="./status.d.ts"
export * from "npm:deno-std@1.4.0/http/status.js";
