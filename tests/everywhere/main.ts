/**
 * Runs the tests on the runtime that runs this, and exits with 1 if one fails.
 *
 * @module
 */

import process from "node:process";
import "./session_tests.ts";
import "./login_tests.ts";
import "./tree_tests.ts";
import "./stream_tests.ts";
import "./store_tests.ts";
import "./adapter_tests.ts";
import "./node_server_tests.ts";
import "./socket_tests.ts";
import "./runtime_tests.ts";
import { runAll } from "./suite.ts";

process.exit(await runAll(console.log) === 0 ? 0 : 1);
