// Runs a bundled worker.ts on workerd, by Node: the tests, and sessions that end
// between two requests, when no timer of theirs lives.

import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

// A package of runtimes.json, which Deno does not install.
const { Miniflare } = await import(String("miniflare"));

const worker = new Miniflare({
  modules: [{
    type: "ESModule",
    path: "worker.js",
    contents: readFileSync(process.argv[2], "utf8"),
  }],
  compatibilityDate: "2026-01-01",
});
let failed = 0;
try {
  for (const path of ["/tree", "/alone", "/hono", "/h3"]) {
    const name =
      `${path}: a session ends at the next request after its deadline`;
    const first = await ask(path);
    await setTimeout(400);
    const { ended, uid } = await ask(path);
    const isEnded = ended.includes(`${first.uid} idle`) && uid !== first.uid;
    if (!isEnded) failed++;
    console.log(`${isEnded ? "ok" : "not ok"} ${name} ${isEnded ? "" : ended}`);
  }
  const told = await (await worker.dispatchFetch("http://localhost/run"))
    .text();
  failed += told.split("\n").filter((line) => line.startsWith("not ok")).length;
  console.log(told);
} finally {
  await worker.dispose();
}
process.exit(failed === 0 ? 0 : 1);

async function ask(path) {
  const response = await worker.dispatchFetch(`http://localhost${path}`);
  return await response.json();
}
