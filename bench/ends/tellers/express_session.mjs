// Sessions of express-session, in its MemoryStore or by connect-redis. Neither tells
// of an end: this prints a line if the store ever destroys a session or emits an event
// about one.

import process from "node:process";
import { require } from "./require.mjs";

const { MemoryStore } = require("express-session");
const { RedisStore } = require("connect-redis");
const { createClient } = require("redis");

const [, , role, count, first, spread, url = ""] = process.argv;

const store = await openStore();
const tell = (id) => console.log(`told ${id} ${Date.now()}`);
const destroy = store.destroy.bind(store);
store.destroy = (id, done) => {
  tell(id);
  destroy(id, done);
};
for (const event of ["expired", "destroy", "end"]) store.on(event, tell);
if (role === "make") {
  for (let index = 0; index < Number(count); index++) {
    const deadline = Number(first) + index * Number(spread) / Number(count);
    const cookie = {
      expires: new Date(deadline),
      originalMaxAge: deadline - Date.now(),
    };
    const id = `session-${index}`;
    await new Promise((resolve, reject) =>
      store.set(id, { cookie }, (error) => error ? reject(error) : resolve())
    );
    console.log(`made ${id} ${deadline}`);
  }
}
console.log("ready");
setInterval(() => {}, 60_000);

async function openStore() {
  if (url === "") return new MemoryStore();
  const client = createClient({ url });
  await client.connect();
  return new RedisStore({ client });
}
