/**
 * Content negotiation: the code of std, typed here.
 *
 * @module
 */

// @ts-types="./negotiation.d.ts"
export * from "npm:deno-std@1.4.0/http/negotiation.js";
