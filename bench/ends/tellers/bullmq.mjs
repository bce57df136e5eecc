// A delayed job of BullMQ for each session. A touch, which would have to replace the
// job, is not measured.

import process from "node:process";
import { require } from "./require.mjs";

const { Queue, Worker } = require("bullmq");

const [, , role, count, first, spread, url] = process.argv;

const { hostname: host, port } = new URL(url);
const connection = { host, port: Number(port), maxRetriesPerRequest: null };
const worker = new Worker("ends", (job) => {
  console.log(`told ${job.name} ${Date.now()}`);
}, { connection, concurrency: 50 });
worker.on("error", (error) => console.error(error));
await worker.waitUntilReady();
if (role === "make") {
  const queue = new Queue("ends", { connection });
  const step = Number(spread) / Number(count);
  for (let from = 0; from < Number(count); from += 100) {
    const length = Math.min(100, Number(count) - from);
    const jobs = Array.from({ length }, (_, index) => {
      const deadline = Number(first) + (from + index) * step;
      const name = `session-${from + index}`;
      console.log(`made ${name} ${deadline}`);
      const opts = {
        delay: deadline - Date.now(),
        removeOnComplete: true,
        attempts: 3,
      };
      return { name, data: {}, opts };
    });
    await queue.addBulk(jobs);
  }
}
console.log("ready");
