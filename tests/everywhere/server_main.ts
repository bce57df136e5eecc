/**
 * Runs the tests of stores over servers on the runtime that runs this, and exits
 * with 1 if one fails.
 *
 * @module
 */

import process from "node:process";
import "./server_store_tests.ts";
import { runAll } from "./suite.ts";

process.exit(await runAll(console.log) === 0 ? 0 : 1);
