// A cluster: several processes, on one machine or on many, share their sessions
// in Redis or Valkey. Each of them can answer each visitor, and one of them
// delivers each end.
//
//   redis-server --appendonly yes
//   deno run --allow-net=127.0.0.1 \
//     --allow-env=REDIS_EMIT_DIAGNOSTICS,REDIS_DEBUG_MAINTENANCE \
//     examples/cluster.ts --port 8081
//
// Start it in another terminal too, with --port 8082. Visit http://localhost:8081/
// and then http://localhost:8082/: it is one session, since cookies ignore the port.
//
// Visit only the first process, kill it (kill -9), and stay away for ten seconds:
// the second process calls the callback, which takes three seconds here. Start the
// first process again, visit it, and stay away. Kill the process that prints
// "begins" before it prints "is done": two seconds later, when its lease is over,
// the other process begins again.
//
// You choose the client of Redis. This one is npm:redis, which reads the two
// variables above.

import { createClient } from "redis";
import { Resource, Site, type SiteRequest } from "../mod.ts";
import { fromNodeRedis, RedisStore } from "../stores/redis_store.ts";
import { page } from "./page.ts";
import { readOption, serve } from "./serve.ts";

const client = createClient({
  url: readOption("redis") ?? "redis://127.0.0.1:6379",
  // While Redis is away, requests are answered 503 at once.
  disableOfflineQueue: true,
  commandOptions: { timeout: 1500 },
});
client.on("error", (error) => console.error(`Redis: ${error.message}`));
await client.connect();

class Home extends Resource {
  override render_GET(request: SiteRequest): string {
    const session = request.getSession();
    const visits = (session.get<number>("visits") ?? 0) + 1;
    session.set("visits", visits);
    return page(
      "Your visits",
      `<p>Visit ${visits} of session ${session.uid}, answered at ${request.rootURL}</p>
<p>Visit the other process, or stay away for ten seconds.</p>`,
    );
  }
}

const root = new Resource();
root.putChild("", new Home());

const site = new Site(root, {
  store: new RedisStore({ client: fromNodeRedis(client), prefix: "example" }),
  sessionTimeout: Number(readOption("timeout") ?? 10),
  endLease: 2,
});

site.notifyOnSessionEnd(async ({ uid, reason, session }) => {
  console.log(
    `${uid}: ${reason} after ${session.get("visits")} visits, begins`,
  );
  await new Promise((resolve) => setTimeout(resolve, 3000));
  console.log(`${uid}: is done`);
});

await site.ready;
const server = serve(site, "Visit /, and the same page of another process");
await server.finished;
await site.close();
// The open connection would keep the process alive.
await client.close();
