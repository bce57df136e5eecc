// Keys of Redis that expire, and a listener to its keyspace notifications.

import process from "node:process";
import { require } from "./require.mjs";

const { createClient } = require("redis");

const [, , role, count, first, spread, url] = process.argv;

const client = createClient({ url });
await client.connect();
await client.sendCommand(["CONFIG", "SET", "notify-keyspace-events", "Ex"]);
const listener = client.duplicate();
await listener.connect();
await listener.subscribe("__keyevent@0__:expired", (key) => {
  console.log(`told ${key} ${Date.now()}`);
});
if (role === "make") {
  for (let index = 0; index < Number(count); index++) {
    const deadline = Math.round(
      Number(first) + index * Number(spread) / Number(count),
    );
    await client.set(`session-${index}`, "{}", {
      expiration: { type: "PXAT", value: deadline },
    });
    console.log(`made session-${index} ${deadline}`);
  }
}
console.log("ready");
