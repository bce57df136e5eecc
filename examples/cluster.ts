// A cluster: several processes, on one machine or on many, share their sessions
// in Redis or Valkey. Any of them answers any visitor, and each end is told by
// one of them, whichever is there.
//
//   redis-server --appendonly yes
//   deno run --allow-net=127.0.0.1 \
//     --allow-env=REDIS_EMIT_DIAGNOSTICS,REDIS_DEBUG_MAINTENANCE \
//     examples/cluster.ts tcp:8081:interface=127.0.0.1
//
// and in another terminal the same with tcp:8082. Visit http://127.0.0.1:8081/ and
// then http://127.0.0.1:8082/: it is one session, as cookies do not care for the
// port. Visit only the first, kill it (kill -9), and stay away for ten seconds: the
// second tells of the end. Telling takes three seconds here: kill the one that says
// "begins" before it says "is done", start it again, and one of them begins once
// more, when the lease of the dead one, two seconds, has run out.
//
// The client is yours: npm:redis here, which asks for these two variables.

import { createClient } from "redis";
import { listen, Resource, Site, type SiteRequest } from "../mod.ts";
import { fromNodeRedis, RedisStore } from "../stores/redis_store.ts";

const [
  endpoint = "tcp:8081:interface=127.0.0.1",
  url = "redis://127.0.0.1:6379",
  sessionTimeout = "10",
] = Deno.args;

const client = createClient({
  url,
  // While Redis is away, visitors are told so at once.
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
    return `Visit ${visits} of session ${session.uid}, answered at ${request.rootURL}`;
  }
}

const root = new Resource();
root.putChild("", new Home());

const site = new Site(root, {
  store: new RedisStore({ client: fromNodeRedis(client), prefix: "example" }),
  sessionTimeout: Number(sessionTimeout),
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
const server = listen(site, endpoint);
await server.finished;
await site.close();
// The connection would keep the process.
await client.close();
